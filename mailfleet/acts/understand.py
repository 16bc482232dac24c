"""From what arrived, raw, to what it says of which message; whether it fits the ledger is asked later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from db.inbox import Item
from mailfleet.mail import arf, feedback, ids, postfix_log, smtp_reply
from mailfleet.mail.dsn import Dsn
from mailfleet.mail.feedback import Answer, Automatic, Bounce, Complaint
from mailfleet.mail.postfix_log import Entry, Removed, Status, Tried
from mailfleet.policy.feedback import Heard
from mailfleet.policy.outcome import Reply

VERSION = 1  # of the readers: what an older one did not understand may be looked at again
NOT_UNDERSTOOD = "not_understood"


@dataclass(frozen=True)
class Said:
    """One thing said of one message. `dsn` is judged with the message in hand: `heard` is None until then."""

    word: str  # what it was taken for
    source: str  # of the event
    message_id: int
    heard: Heard | None
    tenant_id: int | None = None  # with the person's hash where a token of ours said so
    person_hash: bytes | None = None
    queue_id: str = ""
    reply: Reply | None = None
    dsn: Dsn | None = None


def click(keys: Mapping[int, bytes], item: Item) -> Said | None:
    """A one-click unsubscribe: its first line is the token."""
    token = ids.read_token(keys, item.body.split(b"\n", 1)[0].decode("ascii", "replace"))
    if token is None:
        return None
    return Said(
        "one_click", "one_click", token.message_id, Heard.UNSUBSCRIBED, token.tenant_id, token.person_hash
    )


def log_line(item: Item, messages: Mapping[str, int]) -> Said | None:
    """A line of a node's log about a queue id that is one of ours."""
    entry = postfix_log.read(item.body.decode("utf-8", "replace"))
    if entry is None or entry.queue_id not in messages:
        return None
    heard = _of_entry(entry)
    said = smtp_reply.read(entry.said) if isinstance(entry, Tried) else None
    if heard is None:
        return None
    if said and isinstance(entry, Tried) and not said.enhanced:
        said = Reply(said.code or _code(entry), entry.dsn, said.text)
    return Said("node_log", "node_log", messages[entry.queue_id], heard, queue_id=entry.queue_id, reply=said)


def _of_entry(entry: Entry) -> Heard | None:
    if isinstance(entry, Removed):
        return Heard.PULLED if entry.pulled else None
    if not isinstance(entry, Tried):
        return None
    if entry.lost:
        return Heard.LOST
    return {Status.SENT: Heard.DELIVERED, Status.DEFERRED: Heard.RETURNED, Status.BOUNCED: Heard.BOUNCED}.get(
        entry.status
    )


def _code(entry: Tried) -> int:
    """Where nobody but our node spoke: the class of its own status."""
    return {"2": 250, "4": 450, "5": 550}.get(entry.dsn[:1], 0)


def mail(keys: Mapping[int, bytes], item: Item) -> Said | None:
    """A mail that came to a return path or a mailbox of ours."""
    found = feedback.read(keys, item.body)
    if found is None:
        return None
    token = found.whose.token
    tenant, person = (token.tenant_id, token.person_hash) if token else (None, None)
    word, source, heard = _words(found)
    report = found.dsn if isinstance(found, Bounce) else None
    return Said(
        word,
        source,
        found.whose.message_id,
        heard,
        tenant,
        person,
        report.queue_id if report else "",
        dsn=report,
    )


def _words(found: feedback.Feedback) -> tuple[str, str, Heard | None]:
    match found:
        case Bounce():
            return "dsn", "dsn", None
        case Complaint(report=report):
            return _arf_word(report), "arf", _arf(report)
        case Automatic():
            return "auto_reply", "auto_reply", Heard.SEEN
        case Answer(stop=stop):
            return ("stop", "reply", Heard.STOPPED) if stop else ("reply", "reply", Heard.ANSWERED)


def _arf_word(report: arf.Report) -> str:
    return "complaint" if report.complaint else "feedback_report"


def _arf(report: arf.Report) -> Heard:
    if report.complaint:
        return Heard.COMPLAINED
    return Heard.UNSUBSCRIBED if report.opt_out else Heard.SEEN
