"""A small fleet in a real ledger, for the tests of the send path."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

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
STEPS = {"hello": "Привет, {{ given_name }}", "again": ""}


@lru_cache
def dkim_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def hashed(who: str) -> bytes:
    return keyed_hash(KEYS.hashes.keys[1], who)


@dataclass
class Fleet:
    """Ids of what was made, by name."""

    ledger: Ledger
    engine: Engine = field(init=False)
    ids: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.engine = self.ledger.engine("control")

    def run(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        with self.engine.begin() as conn:
            result = conn.execute(text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    def one(self, statement: str, **values: object) -> Any:
        return self.run(statement, **values)[0][0]

    def put(self, table: str, returning: str = "", **values: object) -> Any:
        """A row; a column that is not given stays as the table has it."""
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        tail = f"RETURNING {returning}" if returning else ""
        rows = self.run(
            f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING {tail}", **values
        )
        return rows[0][0] if rows else None

    def now(self) -> datetime:
        return self.one("SELECT mailfleet.business_now()")  # type: ignore[no-any-return]

    def node(self, name: str) -> None:
        role = self.ledger.roles.node(name)
        self.ids[name] = self.put("nodes", "node_id", name=name, role_name=role, host=f"{name}.example")

    def egress(self, name: str, port: int, *, node: str = "node-1", kind: str = "submission") -> None:
        self.ids[name] = self.put(
            "egresses", "egress_id", node_id=self.ids[node], name=name, kind=kind, host="127.0.0.1", port=port,
            helo="out.example", daily_limit=10**6,
        )  # fmt: skip

    def tenant(
        self,
        slug: str = "acme",
        *,
        daily: int = 10**6,
        hourly: int = 10**6,
        window: tuple[str, str] = ALWAYS,
    ) -> None:
        """A tenant with a direction, a domain, a mailbox, and an approved campaign of two steps."""
        now, data_key = self.now(), os.urandom(32)
        sealed = seal(KEYS.seal.keys[1], os.urandom(12), data_key, about_data_key(slug))
        tenant = self.put(
            "tenants", "tenant_id", slug=slug, name=slug, legal_name="Acme GmbH", postal_address="Street 1, Town",
            privacy_url="https://acme.example/p", daily_limit=daily, data_key=sealed, data_key_id=1, created_at=now,
        )  # fmt: skip
        direction = self.put(
            "directions", "direction_id", tenant_id=tenant, slug="main", name="Main", purpose="news"
        )
        name = f"{slug}.example"
        domain = self.put(
            "domains", "domain_id", tenant_id=tenant, name=name, bounce_domain=f"b.{name}", tracking_host=f"go.{name}",
            hourly_limit=hourly, dkim_selector="m1",
            dkim_key=seal(data_key, os.urandom(12), dkim_key(), about_dkim_key(slug, name)),
        )  # fmt: skip
        mailbox = self.put(
            "mailboxes", "mailbox_id", tenant_id=tenant, domain_id=domain, direction_id=direction, address=f"anna@{name}",
            display_name="Анна Лебедева", daily_limit=daily, hourly_limit=hourly,
        )  # fmt: skip
        imported = self.put(
            "imports", "import_id", tenant_id=tenant, file_name="f.csv", file_sha256=b"", encoding="utf-8", delimiter=",",
            rows=0, accepted=0, known=0, refused=0, actor="test", taken_at=now,
        )  # fmt: skip
        self.ids |= {slug: tenant, f"{slug} direction": direction, f"{slug} domain": domain, f"{slug} mailbox": mailbox,
                     f"{slug} import": imported}  # fmt: skip
        self._campaign(slug, daily, window)

    def _campaign(self, slug: str, daily: int, window: tuple[str, str]) -> None:
        tenant, now = self.ids[slug], self.now()
        campaign = self.ids[f"{slug} campaign"] = self.put(
            "campaigns", "campaign_id", tenant_id=tenant, slug="spring", direction_id=self.ids[f"{slug} direction"],
            created_at=now,
        )  # fmt: skip
        version = {"tenant_id": tenant, "campaign_id": campaign, "version": 1}
        self.put(
            "campaign_versions", **version, window_start=window[0], window_end=window[1], daily_limit=daily,
            ends_at=now + timedelta(days=365), actor="test", created_at=now,
        )  # fmt: skip
        for position, (key, subject) in enumerate(STEPS.items(), 1):
            self.put(
                "campaign_steps", **version, step_key=key, position=position, delay_days=0, subject=subject,
                text_body="Hello {{ given_name }}!", html_body="<p>Hello {{ given_name }}!</p>",
            )  # fmt: skip
        self.run("UPDATE campaigns SET approved = 1 WHERE campaign_id = :id", id=campaign)

    def message(
        self,
        who: str,
        *,
        slug: str = "acme",
        egress: str = "out",
        step: str = "hello",
        thread: tuple[int, ...] = (),
        due: datetime | None = None,
        expires: timedelta = timedelta(days=5),
    ) -> int:
        """A lead `who@person.example` and its enrolment, once, with a planned message routed to the egress."""
        now, person = self.now(), hashed(who)
        ids = {
            name: self.ids[f"{slug} {name}"]
            for name in ("campaign", "mailbox", "domain", "import", "direction")
        }
        enrolment, lead = self._enrolled(who, self.ids[slug], ids, now)
        node, owner = self.run(
            "SELECT node_id, owner_id FROM egresses WHERE egress_id = :id", id=self.ids[egress]
        )[0]
        way = {"egress_owner": owner, "egress_id": self.ids[egress]}
        self.put(
            "routes", tenant_id=self.ids[slug], mailbox_id=ids["mailbox"], position=self.ids[egress], **way
        )
        number = message_number(KEYS.tokens.keys[1], tenant=slug, campaign="spring", person=person, step=step)
        self.put(
            "messages", tenant_id=self.ids[slug], message_id=number, kind="campaign", campaign_id=ids["campaign"],
            campaign_version=1, step_key=step, step_position=list(STEPS).index(step) + 1, enrolment_id=enrolment,
            lead_id=lead, import_id=ids["import"], person_hash=person, address_hash=person, mailbox_id=ids["mailbox"],
            domain_id=ids["domain"], receiver="other", thread=list(thread), state="planned", due_at=due or now,
            expires_at=now + expires, node_id=node, planned_at=now, **way,
        )  # fmt: skip
        return number

    def _enrolled(self, who: str, tenant: int, ids: dict[str, int], now: datetime) -> tuple[int, int]:
        person = hashed(who)
        self.put(
            "leads", tenant_id=tenant, direction_id=ids["direction"], import_id=ids["import"], person_hash=person,
            address_hash=person, hash_key_id=1, address=f"{who}@person.example", domain="person.example", receiver="other",
            given_name=who, country="DE", language="en", time_zone="UTC", basis="consent", basis_source="fair 2026",
            basis_at="2026-01-02", taken_at=now,
        )  # fmt: skip
        lead = self.one(
            "SELECT lead_id FROM leads WHERE tenant_id = :t AND person_hash = :p", t=tenant, p=person
        )
        self.put(
            "enrolments", tenant_id=tenant, campaign_id=ids["campaign"], lead_id=lead, person_hash=person,
            mailbox_id=ids["mailbox"], enrolled_at=now,
        )  # fmt: skip
        return self.one(
            "SELECT enrolment_id FROM enrolments WHERE tenant_id = :t AND lead_id = :l", t=tenant, l=lead
        ), lead

    def states(self) -> dict[str, int]:
        return dict(Counter(row[0] for row in self.run("SELECT state FROM messages")))

    def state(self, message_id: int) -> tuple[str, str | None]:
        row = self.run("SELECT state, reason FROM messages WHERE message_id = :id", id=message_id)[0]
        return row[0], row[1]

    def suppress(self, who: str, *, slug: str | None = "acme", reason: str = "unsubscribe") -> None:
        self.put(
            "suppressions", kind="address", tenant_id=self.ids[slug] if slug else None, person_hash=hashed(who),
            hash_key_id=1, reason=reason, since=self.now(), evidence="test", actor="test",
        )  # fmt: skip

    def suppress_domain(self, *, expires: timedelta | None = None) -> None:
        self.put(
            "suppressions", kind="domain", domain="person.example", reason="hard" if expires else "legal",
            since=self.now(), expires_at=self.now() + expires if expires else None, evidence="test", actor="test",
        )  # fmt: skip

    def stop(self, scope: str, scope_id: int, *, until: datetime | None = None) -> None:
        self.put(
            "stops", scope=scope, scope_id=scope_id, cause="operator", reason="a test", actor="test", since=self.now(),
            until=until,
        )  # fmt: skip

    def used(self, dimension: str = "mailbox") -> int:
        return int(
            self.one("SELECT coalesce(sum(used), 0) FROM allowances WHERE dimension = :d", d=dimension)
        )


def small_fleet(ledger: Ledger, port: int = 2525, **tenant: Any) -> Fleet:
    """Two nodes, an egress of node-1 and one of node-2, one tenant."""
    fleet = Fleet(ledger)
    for node, egress in (("node-1", "out"), ("node-2", "out-2")):
        fleet.node(node)
        fleet.egress(egress, port, node=node)
    fleet.tenant(**tenant)
    return fleet
