"""One row of the tables of refusals: who says it, what it says, and what it means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from mailfleet.policy.outcome import About, Verdict

ANYBODY = ""
ANY_CODE = ""


@dataclass(frozen=True)
class Rule:
    """Who says it, with which codes it begins, what it says; what it means, whom it blames, how long to wait.

    `facts` numbers the row of our table of facts that it was taken from.
    """

    facts: int
    receivers: tuple[str, ...]
    codes: tuple[str, ...]
    text: re.Pattern[str]
    verdict: Verdict
    about: About
    wait: timedelta | None = None


def rule(
    facts: int,
    receivers: str | tuple[str, ...],
    codes: str | tuple[str, ...],
    text: str | tuple[str, ...],
    verdict: Verdict,
    about: About,
    wait: timedelta | None = None,
) -> Rule:
    """A row; any of its texts is enough."""
    phrases = "|".join(_several(text))
    return Rule(
        facts, _several(receivers), _several(codes), re.compile(phrases, re.IGNORECASE), verdict, about, wait
    )


def _several(words: str | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in ((words,) if isinstance(words, str) else words) if word)
