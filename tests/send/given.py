"""A small fleet in a real ledger, for the tests of the send path."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import Engine, text

from mailfleet.acts.keys import Keys
from mailfleet.mail.ids import keyed_hash, message_number
from mailfleet.mail.seal import about_data_key, about_dkim_key, seal
from mailfleet.settings.keys import Keyring
from tests.conftest import Ledger

KEYS = Keys(Keyring({1: b"s" * 32}), Keyring({1: b"t" * 32}), Keyring({1: b"h" * 32}))
ALWAYS = ("00:00", "23:59:59.999999")


@lru_cache
def dkim_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@dataclass
class Fleet:
    """Ids of what was made, by name; every method returns what it made."""

    ledger: Ledger
    engine: Engine = field(init=False)
    ids: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.engine = self.ledger.engine("control")

    def run(self, statement: str, **values: object) -> list[tuple[object, ...]]:
        with self.engine.begin() as conn:
            result = conn.execute(text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    def one(self, statement: str, **values: object) -> object:
        return self.run(statement, **values)[0][0]

    def now(self) -> datetime:
        return self.one("SELECT mailfleet.business_now()")  # type: ignore[return-value]

    def node(self, name: str) -> int:
        self.ids[name] = self.one(
            "INSERT INTO nodes (name, role_name, host) VALUES (:name, :role, :name || '.example') RETURNING node_id",
            name=name, role=self.ledger.roles.node(name),
        )  # type: ignore[assignment] # fmt: skip
        return self.ids[name]

    def egress(self, name: str, port: int, *, node: str = "node-1", kind: str = "submission", daily: int = 10**6,
               connections: int = 10) -> int:  # fmt: skip
        self.ids[name] = self.one(
            "INSERT INTO egresses (node_id, name, kind, host, port, helo, daily_limit, connections) VALUES "
            "(:node, :name, :kind, '127.0.0.1', :port, 'out.example', :daily, :connections) RETURNING egress_id",
            node=self.ids[node], name=name, kind=kind, port=port, daily=daily, connections=connections,
        )  # type: ignore[assignment] # fmt: skip
        return self.ids[name]

    def tenant(
        self, slug: str = "acme", *, daily: int = 10**6, hourly: int = 10**6, window: tuple[str, str] = ALWAYS
    ) -> None:
        """A tenant with a direction, a domain, a mailbox, and an approved campaign of two steps."""
        data_key = os.urandom(32)
        tenant = self.ids[slug] = self.one(
            "INSERT INTO tenants (slug, name, legal_name, postal_address, privacy_url, daily_limit, data_key, data_key_id, created_at) "
            "VALUES (:slug, :slug, 'Acme GmbH', 'Street 1, Town', 'https://acme.example/p', :daily, :key, 1, now()) RETURNING tenant_id",
            slug=slug, daily=daily, key=seal(KEYS.seal.keys[1], os.urandom(12), data_key, about_data_key(slug)),
        )  # type: ignore[assignment] # fmt: skip
        direction = self.one(
            "INSERT INTO directions (tenant_id, slug, name, purpose) VALUES (:t, 'main', 'Main', 'news') RETURNING direction_id",
            t=tenant,
        )
        sealed = seal(data_key, os.urandom(12), dkim_key(), about_dkim_key(slug, f"{slug}.example"))
        domain = self.ids[f"{slug} domain"] = self.one(
            "INSERT INTO domains (tenant_id, name, bounce_domain, tracking_host, hourly_limit, dkim_selector, dkim_key) VALUES "
            "(:t, :slug || '.example', 'b.' || :slug || '.example', 'go.' || :slug || '.example', :hourly, 'm1', :key) RETURNING domain_id",
            t=tenant, slug=slug, hourly=hourly, key=sealed,
        )  # type: ignore[assignment] # fmt: skip
        self.ids[f"{slug} mailbox"] = self.one(
            "INSERT INTO mailboxes (tenant_id, domain_id, direction_id, address, display_name, daily_limit, hourly_limit) VALUES "
            "(:t, :d, :direction, 'anna@' || :slug || '.example', 'Анна Лебедева', :daily, :hourly) RETURNING mailbox_id",
            t=tenant, d=domain, direction=direction, slug=slug, daily=daily, hourly=hourly,
        )  # type: ignore[assignment] # fmt: skip
        campaign = self.ids[f"{slug} campaign"] = self.one(
            "INSERT INTO campaigns (tenant_id, slug, direction_id, created_at) VALUES (:t, 'spring', :d, now()) RETURNING campaign_id",
            t=tenant, d=direction,
        )  # type: ignore[assignment] # fmt: skip
        self.run("INSERT INTO campaign_versions (tenant_id, campaign_id, version, window_start, window_end, daily_limit, ends_at, actor, created_at) "
                 "VALUES (:t, :c, 1, :start, :end, :daily, now() + interval '1 year', 'test', now())", t=tenant, c=campaign,
                 start=window[0], end=window[1], daily=daily)  # fmt: skip
        for position, (key, subject) in enumerate([("hello", "Привет, {{ given_name }}"), ("again", "")], 1):
            self.run("INSERT INTO campaign_steps VALUES (:t, :c, 1, :key, :position, 0, :subject, 'Hello {{ given_name }}!', '<p>Hello {{ given_name }}!</p>')",
                     t=tenant, c=campaign, key=key, position=position, subject=subject)  # fmt: skip
        self.run("UPDATE campaigns SET approved = 1 WHERE campaign_id = :c", c=campaign)
        self.ids[f"{slug} import"] = self.one(
            "INSERT INTO imports (tenant_id, file_name, file_sha256, encoding, delimiter, rows, accepted, known, refused, actor, taken_at) "
            "VALUES (:t, 'f.csv', '', 'utf-8', ',', 0, 0, 0, 0, 'test', now()) RETURNING import_id", t=tenant,
        )  # type: ignore[assignment] # fmt: skip
        self.ids[f"{slug} direction"] = direction  # type: ignore[assignment]

    def message(self, who: str, *, slug: str = "acme", egress: str = "out", step: str = "hello", thread: tuple[int, ...] = (),
                due: datetime | None = None, expires: timedelta = timedelta(days=5), basis: str = "consent", zone: str = "UTC") -> int:  # fmt: skip
        """A lead `who@person.example` (once), enrolled (once), with a planned message routed to the egress."""
        tenant, campaign = self.ids[slug], self.ids[f"{slug} campaign"]
        person = keyed_hash(KEYS.hashes.keys[1], who)
        now = self.now()
        values = {
            "t": tenant, "c": campaign, "mailbox": self.ids[f"{slug} mailbox"], "domain": self.ids[f"{slug} domain"], "now": now,
            "import": self.ids[f"{slug} import"], "direction": self.ids[f"{slug} direction"], "person": person, "step": step,
            "address": who if "@" in who else f"{who}@person.example", "basis": basis, "zone": zone, "who": who.partition("@")[0],
            "due": due or now, "expires": now + expires, "egress": self.ids[egress], "thread": list(thread),
            "position": 1 if step == "hello" else 2,
            "number": message_number(KEYS.tokens.keys[1], tenant=slug, campaign="spring", person=person, step=step),
        }  # fmt: skip
        self.run("""
            INSERT INTO routes (tenant_id, mailbox_id, position, egress_owner, egress_id)
            SELECT :t, :mailbox, :egress, owner_id, egress_id FROM egresses WHERE egress_id = :egress ON CONFLICT DO NOTHING
        """, **values)  # fmt: skip
        self.run("""
            INSERT INTO leads (tenant_id, direction_id, import_id, person_hash, address_hash, hash_key_id, address, domain, receiver,
                               given_name, country, language, time_zone, basis, basis_source, basis_at, taken_at)
            VALUES (:t, :direction, :import, :person, :person, 1, :address, split_part(:address, '@', 2), 'other', :who, 'DE', 'en', :zone,
                    :basis, 'fair 2026', '2026-01-02', :now) ON CONFLICT DO NOTHING
        """, **values)  # fmt: skip
        self.run("""
            INSERT INTO enrolments (tenant_id, campaign_id, lead_id, person_hash, mailbox_id, enrolled_at)
            SELECT :t, :c, lead_id, :person, :mailbox, :now FROM leads WHERE tenant_id = :t AND person_hash = :person ON CONFLICT DO NOTHING
        """, **values)  # fmt: skip
        self.run("""
            INSERT INTO messages (tenant_id, message_id, kind, campaign_id, campaign_version, step_key, step_position, enrolment_id, lead_id,
                                  import_id, person_hash, address_hash, mailbox_id, domain_id, receiver, thread, state, due_at, expires_at,
                                  node_id, egress_owner, egress_id, planned_at)
            SELECT :t, :number, 'campaign', :c, 1, :step, :position, e.enrolment_id, e.lead_id, :import, :person, :person, :mailbox, :domain,
                   'other', :thread, 'planned', :due, :expires, g.node_id, g.owner_id, g.egress_id, :now
              FROM enrolments e, egresses g
             WHERE e.tenant_id = :t AND e.campaign_id = :c AND e.person_hash = :person AND g.egress_id = :egress
        """, **values)  # fmt: skip
        return values["number"]  # type: ignore[return-value]

    def states(self) -> dict[str, int]:
        return dict(Counter(str(row[0]) for row in self.run("SELECT state FROM messages")))

    def state(self, message_id: int) -> tuple[str, str | None]:
        return self.run("SELECT state, reason FROM messages WHERE message_id = :id", id=message_id)[0]  # type: ignore[return-value]

    def suppress(self, who: str, *, slug: str | None = "acme", reason: str = "unsubscribe") -> None:
        self.run("INSERT INTO suppressions (kind, tenant_id, person_hash, hash_key_id, reason, since, evidence, actor) "
                 "VALUES ('address', :t, :person, 1, :reason, :now, 'test', 'test')", t=self.ids[slug] if slug else None,
                 person=keyed_hash(KEYS.hashes.keys[1], who), reason=reason, now=self.now())  # fmt: skip

    def stop(self, scope: str, scope_id: int, *, until: datetime | None = None) -> None:
        self.run("INSERT INTO stops (scope, scope_id, cause, reason, actor, since, until) "
                 "VALUES (:scope, :id, 'operator', 'a test', 'test', :now, :until)", scope=scope, id=scope_id, now=self.now(), until=until)  # fmt: skip

    def used(self, dimension: str = "mailbox") -> int:
        return int(
            self.one("SELECT coalesce(sum(used), 0) FROM allowances WHERE dimension = :d", d=dimension)
        )  # type: ignore[call-overload]


def small_fleet(ledger: Ledger, port: int = 2525, **tenant: object) -> Fleet:
    """Two nodes, an egress of node-1 and one of node-2, one tenant."""
    fleet = Fleet(ledger)
    fleet.node("node-1")
    fleet.node("node-2")
    fleet.egress("out", port)
    fleet.egress("out-2", port, node="node-2")
    fleet.tenant(**tenant)  # type: ignore[arg-type]
    return fleet


def utc(text_: str) -> datetime:
    return datetime.fromisoformat(text_).replace(tzinfo=UTC)
