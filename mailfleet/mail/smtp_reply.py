"""What a refusal means: its text is read before its code, by receiver, because codes lie."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from mailfleet.mail.common_rules import OF_ANYBODY
from mailfleet.mail.receiver_rules import OF_RECEIVERS
from mailfleet.mail.reply_rule import Rule
from mailfleet.policy.outcome import About, Reply, Verdict

RULES = OF_RECEIVERS + OF_ANYBODY
_HEAD = re.compile(r"^\W*([2-5]\d\d)(?:[ -]+#?([245]\.\d{1,3}\.\d{1,3})\b)?[ -]*")
_QUOTED_HEAD = re.compile(
    r"(?:returned '|<|: ?|; ?|because of |\A)(?!220)([2-5]\d\d)[ -]+#?(?:([245]\.\d{1,3}\.\d{1,3})\b)?"
)
_ENHANCED = re.compile(r"(?<![\d.])#?([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_WAIT = re.compile(
    r"(?:try|retry|come back|resume|wait|again|available|после|через)\D{0,40}?(\d{1,5})\s*(s|sec|min|h|hour|сек|мин|час)",
    re.IGNORECASE,
)
_BARE_WAIT = re.compile(r"(\d{1,5})\s*(second|minute|hour|мин|сек|час)", re.IGNORECASE)
_UNITS = {"s": 1, "с": 1, "m": 60, "м": 60, "h": 3600, "ч": 3600}
LONGEST = timedelta(days=2)


@dataclass(frozen=True)
class Classified:
    """What a reply says, whom it blames, and how long it asks us to wait."""

    verdict: Verdict
    about: About
    retry_after: timedelta | None = None


def read(text: str) -> Reply:
    """A reply as a log or a report quotes it: its code, its enhanced code, and its text on one line."""
    flat = " ".join(text.split())
    found = _QUOTED_HEAD.search(flat)
    if found is None:
        enhanced = _ENHANCED.search(flat)
        return Reply(0, enhanced[1] if enhanced else "", flat)
    code, enhanced_code = found[1], found[2] or ""
    rest = _unrepeated(flat[found.start(1) :], code, enhanced_code)
    return Reply(int(code), enhanced_code, f"{flat[: found.start(1)]}{rest}".strip())


def classify(receiver: str, reply: Reply) -> Classified:
    """The first rule whose receiver, text and code fit; else what the code alone may prove, which is little."""
    text = said(reply)
    rule = next((rule for rule in RULES if _fits(rule, receiver, reply, text)), None)
    if rule is None:
        return _by_code(reply, text)
    return Classified(rule.verdict, rule.about, _wait(text) or rule.wait)


def said(reply: Reply) -> str:
    """The whole reply on one line: code, enhanced code and text, without the repetitions of many lines."""
    flat = " ".join(reply.text.split())
    if found := _HEAD.match(flat):
        flat = _unrepeated(flat, found[1], found[2] or "")
        flat = flat[found.end() :] if int(found[1]) == reply.code else flat
    code = str(reply.code) if reply.code else ""
    return " ".join(part for part in (code, reply.enhanced, flat) if part)


def _fits(rule: Rule, receiver: str, reply: Reply, text: str) -> bool:
    return (
        (not rule.receivers or receiver in rule.receivers)
        and (not rule.codes or str(reply.code).startswith(rule.codes))
        and rule.text.search(text) is not None
    )


def _unrepeated(flat: str, code: str, enhanced: str) -> str:
    """Gmail's many lines repeat `550-5.1.1 ` before each: it would stand in the middle of a sentence."""
    head = rf"{code}[ -]{re.escape(enhanced)} *" if enhanced else rf"{code}-"
    return flat[:3] + re.sub(rf"(?<=\s){head}", "", flat[3:])


def _by_code(reply: Reply, text: str) -> Classified:
    """What no rule knows. A 5xx without a proof that it speaks of the person is a refusal of us (law 6)."""
    wait = _wait(text)
    if reply.code == 0 or 400 <= reply.code < 500 or reply.enhanced.startswith("4"):
        return Classified(Verdict.SOFT, About.RECIPIENT, wait)
    if 200 <= reply.code < 400:
        return Classified(Verdict.ACCEPTED, About.RECIPIENT)
    return Classified(Verdict.BLOCK, About.EGRESS, wait)


def _wait(text: str) -> timedelta | None:
    """How long they ask us to wait: "try again in 5 minutes", "retry after 300 seconds"."""
    found = _WAIT.search(text) or _BARE_WAIT.search(text)
    if found is None:
        return None
    asked = timedelta(seconds=int(found[1]) * _UNITS[found[2][0].lower()])
    return min(asked, LONGEST) or None
