"""What a recipient can do with a letter, as a table."""

from dataclasses import dataclass

ALWAYS, FIRST, CROWDED = "always", "first", "crowded"


@dataclass(frozen=True)
class Behaviour:
    """One way to treat a letter: a refusal or a cut, or else acceptance and what follows it."""

    name: str
    refusal: str = ""  # a row of replies.py
    when: str = ALWAYS  # the refusal comes always, the first time, or while the receiver is crowded
    wait: float = 0.0  # seconds before RCPT is answered
    cut: str = ""  # the line is cut at `rcpt`, or at `data`: then the letter is theirs, and nobody said so
    reaction: str = ""  # what comes back later, a row of reactions/desk.py


TABLE = (
    Behaviour("accept"),
    Behaviour("defer-once", refusal="defer", when=FIRST),
    Behaviour("defer-always", refusal="defer"),
    Behaviour("unknown-user", refusal="unknown"),
    Behaviour("full", refusal="full"),
    Behaviour("throttle", refusal="throttle", when=CROWDED),
    Behaviour("block", refusal="block"),
    Behaviour("content-block", refusal="content"),
    Behaviour("tarpit", wait=1.2),
    Behaviour("drop", cut="rcpt"),
    Behaviour("drop-data", cut="data"),
    Behaviour("drop-data-then-unsubscribe", cut="data", reaction="unsubscribe"),
    Behaviour("drop-data-then-bounce", cut="data", reaction="bounce"),
    Behaviour("late-bounce", reaction="bounce"),
    Behaviour("complain", reaction="complaint"),
    Behaviour("reply", reaction="reply"),
    Behaviour("reply-stop", reaction="stop"),
    Behaviour("auto-reply", reaction="absence"),
    Behaviour("unsubscribe", reaction="unsubscribe"),
)

BEHAVIOURS = {row.name: row for row in TABLE}
