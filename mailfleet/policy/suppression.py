"""Which suppressions there are, and what it takes to lift one."""

from __future__ import annotations

from datetime import datetime

REASONS = ("unsubscribe", "complaint", "erasure", "legal", "hard", "inactive", "objection", "operator")
FOR_EVER = frozenset({"unsubscribe", "complaint", "erasure", "legal"})  # they never lapse
# Who said "never again" must say "yes" again; an operator's wish is not enough.
NEED_CONSENT = frozenset({"unsubscribe", "complaint", "objection"})
NEVER_LIFTED = frozenset({"erasure", "legal"})


def refusal(reason: str, until: datetime | None, *, now: datetime) -> str | None:
    """Why no such suppression can be made; None where it can."""
    if reason not in REASONS:
        return f"reason {reason or '(none)'} is none of {', '.join(REASONS)}"
    if until is not None and reason in FOR_EVER:
        return f"a suppression for {reason} never ends: leave its end out"
    if until is not None and until.tzinfo is None:
        return "its end needs a time zone"
    if until is not None and until <= now:
        return f"its end is not in the future: it is {now:%Y-%m-%d %H:%M} UTC"
    return None


def may_lift(reason: str, *, new_consent: str | None) -> bool:
    """Whether a suppression for this reason may be removed. `new_consent`: what the person said, where and when."""
    if reason in NEVER_LIFTED:
        return False
    return reason not in NEED_CONSENT or bool(new_consent and new_consent.strip())
