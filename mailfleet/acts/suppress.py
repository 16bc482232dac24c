"""An operator says whom not to write to, or lifts it; in the caller's transaction and the audit.

The audit knows people by the first digits of their hash: an address that is to be forgotten must not stand there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from db import audit, clock, suppressions
from db.engine import Connection
from db.suppressions import NewSuppression, Suppression
from mailfleet.acts.keys import Keys
from mailfleet.acts.refused import Refused
from mailfleet.acts.tenants import known
from mailfleet.mail.ids import keyed_hash
from mailfleet.policy import suppression as rules
from mailfleet.policy.address import Invalid, parse, person

SHOWN = 12  # digits of a hash that stand for a person


@dataclass(frozen=True)
class Wish:
    """Whom not to write to: an address, or `@domain`; for one tenant, or for all."""

    whom: str
    reason: str
    tenant: str | None = None
    until: datetime | None = None
    evidence: str = ""


@dataclass(frozen=True)
class Target:
    """Somebody's hashes under every kept key as (key id, person, address), or a domain."""

    hashes: tuple[tuple[int, bytes, bytes], ...]
    domain: str | None

    @property
    def shown(self) -> str:
        """How the audit calls them."""
        return domain_shown(self.domain) if self.domain else person_shown(self.hashes[-1][1])

    @property
    def all(self) -> list[bytes]:
        """Every hash."""
        return [value for _, who, address in self.hashes for value in (who, address)]


def domain_shown(domain: str) -> str:
    """How the audit calls a domain."""
    return f"domain {domain}"


def person_shown(who: bytes) -> str:
    """How the audit calls a person, by this hash."""
    return f"person {who.hex()[:SHOWN]}"


def target(keys: Keys, whom: str) -> Target:
    """Who is meant. Raises Refused for what is neither an address nor `@domain`."""
    found = parse(f"postmaster{whom.strip()}" if whom.strip().startswith("@") else whom)
    if isinstance(found, Invalid):
        raise Refused("neither an address nor @domain: write name@example.org, or @example.org")
    if whom.strip().startswith("@"):
        return Target((), found.domain)
    kept = sorted(keys.hashes.keys.items())
    hashes = (
        (number, keyed_hash(key, person(found.address)), keyed_hash(key, found.address))
        for number, key in kept
    )
    return Target(tuple(hashes), None)


def add(conn: Connection, keys: Keys, wish: Wish, *, actor: str) -> bool:
    """They get nothing more from now on; False where that was so for the same reason, and for at least as long.
    Raises Refused.
    """
    whom, tenant_id, now = target(keys, wish.whom), _tenant(conn, wish.tenant), clock.now(conn)
    if why := rules.refusal(wish.reason, wish.until, now=now):
        raise Refused(why)
    new = suppressions.suppress_longer(conn, _rows(whom, tenant_id, wish, actor), now=now) > 0
    if new:
        details = {
            "reason": wish.reason,
            "tenant": wish.tenant,
            "until": wish.until,
            "evidence": wish.evidence,
        }
        audit.append(conn, actor=actor, act="suppressed", subject=whom.shown, details=details)
    return new


def _rows(whom: Target, tenant_id: int | None, wish: Wish, actor: str) -> list[NewSuppression]:
    evidence = wish.evidence or f"said by {actor}"
    if whom.domain:
        return [
            NewSuppression(tenant_id, wish.reason, evidence, actor, domain=whom.domain, expires_at=wish.until)
        ]
    return [NewSuppression(tenant_id, wish.reason, evidence, actor, who, address, number, expires_at=wish.until)
            for number, who, address in whom.hashes]  # fmt: skip


def remove(
    conn: Connection, keys: Keys, whom: str, *, tenant: str | None, new_consent: str | None, actor: str
) -> list[str]:
    """Nothing of this scope (one tenant, or all) stands against them; the reasons that did. Raises Refused where a
    reason needs the person's new consent, or is never lifted: then everything stays.
    """
    meant, tenant_id = target(keys, whom), _tenant(conn, tenant)
    reasons = suppressions.remove(conn, hashes=meant.all, domain=meant.domain, tenant_id=tenant_id)
    for reason in reasons:
        if not rules.may_lift(reason, new_consent=new_consent):
            raise Refused(_why_not(reason))
    if reasons:
        said = new_consent.strip() if new_consent else None
        # The audit's own time is the machine's: a story is told in business time.
        details = {"reasons": reasons, "tenant": tenant, "new consent": said, "at": clock.now(conn)}
        audit.append(conn, actor=actor, act="suppression lifted", subject=meant.shown, details=details)
    return reasons


def _why_not(reason: str) -> str:
    if reason in rules.NEVER_LIFTED:
        return f"a suppression for {reason} is never lifted"
    return f"this is a suppression for {reason}: say with --new-consent what the person agreed to, where and when"


def check(conn: Connection, keys: Keys, whom: str) -> Sequence[Suppression]:
    """Everything that stands against an address or domain, whoever's."""
    meant = target(keys, whom)
    domain = meant.domain or parse_domain(whom)
    return suppressions.about(conn, hashes=meant.all, domain=domain, now=clock.now(conn))


def listed(conn: Connection, *, tenant: str | None, reason: str | None, limit: int) -> Sequence[Suppression]:
    """The newest that stand; of one tenant, or for one reason, where that is given. Raises Refused for what is not there."""
    _tenant(conn, tenant)
    now = clock.now(conn)
    if reason is not None and (why := rules.refusal(reason, None, now=now)):
        raise Refused(why)
    return suppressions.listed(conn, tenant=tenant, reason=reason, limit=limit, now=now)


def parse_domain(address: str) -> str:
    """The domain of an address in its normal form."""
    found = parse(address)
    return "" if isinstance(found, Invalid) else found.domain


def _tenant(conn: Connection, slug: str | None) -> int | None:
    return known(conn, slug).tenant_id if slug is not None else None
