"""What a final answer has for consequences: a verdict, a suppression, and the breakers' look at it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from db import suppressions, verdicts
from db.engine import Connection
from db.suppressions import NewSuppression
from db.verdicts import NewVerdict
from mailfleet.acts import breakers
from mailfleet.acts.breakers import Scope
from mailfleet.policy import breaker
from mailfleet.policy.feedback import SUPPRESSES, expires
from mailfleet.policy.outcome import Verdict

ACTOR = "feedback"


@dataclass(frozen=True)
class Judged:
    """A message with its final verdict, and what it belongs to."""

    tenant_id: int
    message_id: int
    verdict: Verdict
    campaign_id: int | None
    mailbox_id: int
    domain_id: int
    import_id: int | None
    receiver: str
    person_hash: bytes
    address_hash: bytes


def after_outcomes(conn: Connection, judged: Sequence[Judged], *, now: datetime) -> None:
    """Each has its verdict, unknown and disabled addresses are suppressed for every tenant, and the breakers have
    looked. In the caller's transaction, so the next chunk already obeys; works under a node's role as well.
    """
    verdicts.judge(conn, [verdict_of(one) for one in judged], now=now)
    _suppress_and_watch(conn, judged, [new for one in judged if (new := suppression_of(one, now))], now)


def after_reports(
    conn: Connection, judged: Sequence[Judged], suppressed: Sequence[NewSuppression], *, now: datetime
) -> None:
    """As `after_outcomes`, but a later word replaces "accepted", and the caller says who is suppressed. One verdict a
    message. Role control only.
    """
    verdicts.correct(conn, [verdict_of(one) for one in judged], now=now)
    _suppress_and_watch(conn, judged, suppressed, now)


def _suppress_and_watch(
    conn: Connection, judged: Sequence[Judged], suppressed: Sequence[NewSuppression], now: datetime
) -> None:
    suppressions.suppress(conn, suppressed, now=now)
    breakers.watch_bounces(conn, _scopes(judged, breaker.BOUNCE_SCOPES), now=now)


def after_complaint(conn: Connection, complained: Judged, *, now: datetime) -> bool:
    """The complaint counts against what the message belonged to; False where it was counted already."""
    new = verdicts.complain(conn, verdict_of(complained), now=now)
    if new:
        breakers.watch_complaints(conn, _scopes([complained], ("mailbox", *breaker.RATE_SCOPES)), now=now)
    return new


def verdict_of(one: Judged) -> NewVerdict:
    """The row that the breakers count."""
    return NewVerdict(
        one.tenant_id, one.message_id, one.verdict, one.campaign_id, one.mailbox_id, one.domain_id, one.import_id, one.receiver,
    )  # fmt: skip


def suppression_of(one: Judged, now: datetime) -> NewSuppression | None:
    """Whom this verdict suppresses: for every tenant, without saying whose message it was."""
    reason = SUPPRESSES.get(one.verdict)
    if reason is None:
        return None
    return NewSuppression(
        tenant_id=None, person_hash=one.person_hash, address_hash=one.address_hash, hash_key_id=suppressions.OF_THE_MESSAGE,
        reason=reason, expires_at=expires(reason, now), evidence="a final answer of the recipient's host", actor=ACTOR,
    )  # fmt: skip


def _scopes(judged: Iterable[Judged], kinds: Sequence[str]) -> set[Scope]:
    return {
        Scope(one.tenant_id, kind, scope_id)
        for one in judged
        for kind in kinds
        if (scope_id := getattr(one, f"{kind}_id")) is not None
    }
