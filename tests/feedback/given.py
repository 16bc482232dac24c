"""A small fleet whose messages can be put into any state, and the mail and log lines that come back about them."""

# ruff: noqa: E501  (logs, reports and rows of real words are long)

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from db import inbox
from db.inbox import Arrival
from mailfleet.acts.consequences import Judged
from mailfleet.acts.keys import Keys
from mailfleet.acts.take_feedback import drain
from mailfleet.mail.ids import Token, keyed_hash, message_id, message_number, return_path, write_token
from mailfleet.policy.address import person
from mailfleet.policy.outcome import Verdict
from mailfleet.settings.keys import Keyring
from tests.conftest import Ledger

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"
KEYS = Keys(Keyring({1: b"s" * 32}), Keyring({1: b"t" * 32}), Keyring({1: b"h" * 32}))
LOG = "Nov 24 15:23:15 node-1 postfix/{program}[1213]: {text}"
BEGUN = ("sending", "submitted", "delivered", "bounced", "refused", "unknown")
ENDED = ("delivered", "bounced", "refused", "dropped", "expired")


def corpus(name: str) -> Path:
    """A file of the shared corpora; the test is skipped, visibly, where they are not beside the checkout."""
    if not (CORPORA / name).exists():
        pytest.skip(f"no shared corpora beside the checkout: {name}")
    return CORPORA / name


@dataclass
class World:
    """Ids of what was made, by name. Tenants `acme` and `zeta`, each with a domain, two mailboxes and a campaign."""

    ledger: Ledger
    engine: Engine = field(init=False)
    ids: dict[str, int] = field(default_factory=dict)
    numbers: dict[int, tuple[str, str]] = field(default_factory=dict)  # message → tenant, address

    def __post_init__(self) -> None:
        self.engine = self.ledger.engine("control")

    def run(self, statement: str, /, **values: object) -> list[tuple[object, ...]]:
        with self.engine.begin() as conn:
            result = conn.execute(text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    def one(self, statement: str, /, **values: object) -> object:
        return self.run(statement, **values)[0][0]

    def make(self, name: str, statement: str, /, **values: object) -> int:
        self.ids[name] = int(self.one(statement, **values))  # type: ignore[call-overload]
        return self.ids[name]

    def now(self) -> datetime:
        return self.one("SELECT mailfleet.business_now()")  # type: ignore[return-value]

    # what is there
    def message(self, who: str = "anna@person.example", state: str = "submitted", *, tenant: str = "acme", egress: str = "post",
                step: str = "hello", mailbox: str = "", receiver: str = "other", queue_ref: str | None = None,
                reason: str = "a test", bare: bool = False) -> int:  # fmt: skip
        """A message to `who` in this state, with its lead and enrolment; `bare`: without route, as after a restore."""
        who_hash, address_hash = (keyed_hash(KEYS.hashes.keys[1], one) for one in (person(who), who))
        number = message_number(
            KEYS.tokens.keys[1], tenant=tenant, campaign="spring", person=who_hash, step=step
        )
        now, routed = self.now(), not bare
        values = {
            "t": self.ids[tenant], "c": self.ids[f"{tenant} campaign"], "mailbox": self.ids[mailbox or f"{tenant} anna"],
            "domain": self.ids[f"{tenant} domain"], "import": self.ids[f"{tenant} import"], "direction": self.ids[f"{tenant} direction"],
            "person": who_hash, "address": who, "hash": address_hash, "now": now, "step": step, "number": number, "state": state,
            "receiver": receiver, "queue_ref": queue_ref, "reason": reason, "position": 1 if step == "hello" else 2,
            "node": self.ids["node-1"] if routed else None, "owner": 0 if routed else None, "egress": self.ids[egress] if routed else None,
            "began": now - timedelta(minutes=1) if state in BEGUN else None, "attempt": int(state in BEGUN),
            "submitted": now if state in ("submitted", "delivered", "bounced") else None, "ended": now if state in ENDED else None,
            "hold": now + timedelta(days=1) if state == "held" else None, "expires": now + timedelta(days=5),
            "lease": self.ids["lease"] if state in ("claimed", "sending") else None, "hour": now if state == "claimed" else None,
        }  # fmt: skip
        self.run("""
            INSERT INTO leads (tenant_id, direction_id, import_id, person_hash, address_hash, hash_key_id, address, domain, receiver,
                               country, language, time_zone, basis, basis_source, basis_at, taken_at)
            VALUES (:t, :direction, :import, :person, :hash, 1, :address, split_part(:address, '@', 2), :receiver,
                    'DE', 'en', 'UTC', 'consent', 'fair 2026', '2026-01-02', :now) ON CONFLICT DO NOTHING
        """, **values)  # fmt: skip
        self.run("""
            INSERT INTO enrolments (tenant_id, campaign_id, lead_id, person_hash, mailbox_id, enrolled_at, next_due_at)
            SELECT :t, :c, lead_id, :person, :mailbox, :now, :now FROM leads WHERE tenant_id = :t AND person_hash = :person
            ON CONFLICT DO NOTHING
        """, **values)  # fmt: skip
        self.run("""
            INSERT INTO messages (tenant_id, message_id, kind, campaign_id, campaign_version, step_key, step_position, enrolment_id,
                                  lead_id, import_id, person_hash, address_hash, mailbox_id, domain_id, receiver, state, reason, due_at,
                                  expires_at, hold_until, node_id, egress_owner, egress_id, lease_id, fence, allowed_hour, attempt,
                                  began_at, queue_ref, planned_at, submitted_at, ended_at)
            SELECT :t, :number, 'campaign', :c, 1, :step, :position, e.enrolment_id, e.lead_id, :import, :person, :hash, :mailbox,
                   :domain, :receiver, :state, :reason, :now, :expires, :hold, :node, :owner, :egress, CAST(:lease AS bigint),
                   CAST(:lease AS bigint), :hour, :attempt, :began, :queue_ref, :now, :submitted, :ended
              FROM enrolments e WHERE e.tenant_id = :t AND e.campaign_id = :c AND e.person_hash = :person
        """, **values)  # fmt: skip
        self.numbers[number] = (tenant, who)
        return number

    def judged(self, number: int, verdict: Verdict) -> Judged:
        row = self.run("SELECT tenant_id, message_id, campaign_id, mailbox_id, domain_id, import_id, receiver, person_hash, address_hash "
                       "FROM messages WHERE message_id = :id", id=number)[0]  # fmt: skip
        tenant, message, campaign, mailbox, domain, lead_file, receiver, who, address = row
        return Judged(
            tenant,
            message,
            verdict,
            campaign,
            mailbox,
            domain,
            lead_file,
            receiver,
            bytes(who),
            bytes(address),
        )  # type: ignore[arg-type]

    def token(self, number: int) -> str:
        tenant, who = self.numbers[number]
        return write_token(
            KEYS.tokens.keys, Token(self.ids[tenant], number, keyed_hash(KEYS.hashes.keys[1], person(who)))
        )

    def verp(self, number: int) -> str:
        return return_path(self.token(number), f"b.{self.numbers[number][0]}.example")

    def message_id(self, number: int) -> str:
        return message_id(KEYS.tokens.keys, number, f"{self.numbers[number][0]}.example")

    # what comes back
    def mail(self, *raws: bytes) -> dict[str, int]:
        """They arrive, and are understood."""
        self.arrive("maildir", *raws)
        return drain(self.engine, KEYS)

    def log(self, *lines: tuple[str, str]) -> dict[str, int]:
        """Lines (program, text) of node-1's log are stored, and understood."""
        self.arrive(
            "node_log",
            *(LOG.format(program=program, text=line).encode() for program, line in lines),
            node=self.ids["node-1"],
        )
        return drain(self.engine, KEYS)

    def arrive(self, source: str, *bodies: bytes, node: int | None = None) -> None:
        with self.engine.begin() as conn:
            inbox.put(
                conn,
                [Arrival(hashlib.sha256(raw).digest(), "here", raw) for raw in bodies],
                source=source,
                now=self.now(),
                node_id=node,
            )

    def queue_id(self, number: int, queue_id: str, *, active: bool = True) -> str:
        """The node's log has said which message this is."""
        self.run("INSERT INTO queue_ids (node_id, queue_id, message_id, active) VALUES (:node, :qid, :id, :active)",
                 node=self.ids["node-1"], qid=queue_id, id=number, active=active)  # fmt: skip
        return queue_id

    # what became of it
    def state(self, number: int) -> str:
        return str(self.one("SELECT state FROM messages WHERE message_id = :id", id=number))

    def events(self, number: int) -> list[tuple[object, ...]]:
        return self.run(
            "SELECT event, source, before, after FROM events WHERE message_id = :id ORDER BY event_id",
            id=number,
        )

    def suppressed(self) -> list[tuple[object, ...]]:
        """Tenant (None: all) and reason of everything that stands."""
        return self.run(
            "SELECT t.slug, s.reason FROM suppressions s LEFT JOIN tenants t USING (tenant_id) ORDER BY 1, 2"
        )

    def enrolment(self, who: str = "anna@person.example", tenant: str = "acme") -> str:
        found = self.one("SELECT coalesce(e.ended, e.state) FROM enrolments e JOIN leads l USING (tenant_id, lead_id) "
                         "WHERE l.address = :who AND e.tenant_id = :t", who=who, t=self.ids[tenant])  # fmt: skip
        return str(found)


def world_of(ledger: Ledger) -> World:
    """Nodes node-1 and node-2; on node-1 the egress `post` (its own Postfix) and `direct` (a provider)."""
    world = World(ledger)
    for name in ("node-1", "node-2"):
        world.make(name, "INSERT INTO nodes (name, role_name, host) VALUES (:name, :role, :name || '.example') RETURNING node_id",
                   name=name, role=ledger.roles.node(name))  # fmt: skip
    for name, kind in (("post", "postfix"), ("direct", "submission")):
        world.make(name, "INSERT INTO egresses (node_id, name, kind, host, port, helo, daily_limit) "
                   "VALUES (:node, :name, :kind, '127.0.0.1', 25, 'out.example', 1000) RETURNING egress_id",
                   node=world.ids["node-1"], name=name, kind=kind)  # fmt: skip
    world.make("lease", "INSERT INTO leases (name, node_id, holder, expires_at) VALUES ('batch', :node, 'test', now() + interval '1 hour') "
               "RETURNING lease_id", node=world.ids["node-1"])  # fmt: skip
    for slug in ("acme", "zeta"):
        _tenant(world, slug)
    return world


def _tenant(world: World, slug: str) -> None:
    values = {
        "slug": slug,
        "t": world.make(
            slug,
            "INSERT INTO tenants (slug, name, created_at) VALUES (:slug, :slug, now()) RETURNING tenant_id",
            slug=slug,
        ),
    }
    values["d"] = world.make(f"{slug} direction", "INSERT INTO directions (tenant_id, slug, name, purpose) "
                             "VALUES (:t, 'main', 'Main', 'news') RETURNING direction_id", **values)  # fmt: skip
    values["o"] = world.make(f"{slug} domain", "INSERT INTO domains (tenant_id, name, bounce_domain, tracking_host, dkim_selector, dkim_key) "
                             "VALUES (:t, :slug || '.example', 'b.' || :slug || '.example', 'go.' || :slug || '.example', 'm1', '') "
                             "RETURNING domain_id", **values)  # fmt: skip
    for number in range(12):
        name = "anna" if number == 0 else f"m{number}"
        box = world.make(f"{slug} {name}", "INSERT INTO mailboxes (tenant_id, domain_id, direction_id, address, display_name, daily_limit, "
                         "hourly_limit) VALUES (:t, :o, :d, :name || '@' || :slug || '.example', 'Anna', 100, 100) RETURNING mailbox_id",
                         name=name, **values)  # fmt: skip
        world.run(
            "INSERT INTO routes VALUES (:t, :box, 1, 0, :egress)", box=box, egress=world.ids["post"], **values
        )
    values["c"] = world.make(f"{slug} campaign", "INSERT INTO campaigns (tenant_id, slug, direction_id, created_at) "
                             "VALUES (:t, 'spring', :d, now()) RETURNING campaign_id", **values)  # fmt: skip
    world.run("INSERT INTO campaign_versions (tenant_id, campaign_id, version, window_start, window_end, daily_limit, ends_at, actor, created_at) "
              "VALUES (:t, :c, 1, '00:00', '23:59', 1000, now() + interval '1 year', 'test', now())", **values)  # fmt: skip
    for position, key in enumerate(("hello", "again"), 1):
        world.run(
            "INSERT INTO campaign_steps VALUES (:t, :c, 1, :key, :position, 0, 's', 't', 'h')",
            key=key,
            position=position,
            **values,
        )
    world.make(f"{slug} import", "INSERT INTO imports (tenant_id, file_name, file_sha256, encoding, delimiter, rows, accepted, known, refused, "
               "actor, taken_at) VALUES (:t, :slug || '.csv', '', 'utf-8', ',', 0, 0, 0, 0, 'test', now()) RETURNING import_id", **values)  # fmt: skip


def dsn(to: str, *, action: str = "failed", status: str = "5.1.1", said: str = "smtp; 550 5.1.1 <x@person.example>: User unknown",
        who: str = "anna@person.example", queue_id: str = "", message_id: str = "<other@person.example>") -> bytes:  # fmt: skip
    """A report as Postfix writes it."""
    postfix = f"X-Postfix-Queue-ID: {queue_id}\n" if queue_id else ""
    return f"""Return-Path: <>
Delivered-To: {to}
From: MAILER-DAEMON@mx.person.example (Mail Delivery System)
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b/1"

--b/1
Content-Type: text/plain; charset=us-ascii

I'm sorry.

--b/1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.person.example
{postfix}
Final-Recipient: rfc822; {who}
Original-Recipient: rfc822;{who}
Action: {action}
Status: {status}
Diagnostic-Code: {said}

--b/1
Content-Type: text/rfc822-headers

Message-ID: {message_id}
Subject: Hello

--b/1--
""".encode()


def arf(to: str, kind: str = "abuse", *, message_id: str = "<other@person.example>") -> bytes:
    """A feedback report that hides the person."""
    return f"""Return-Path: <feedback@person.example>
Delivered-To: {to}
From: Feedback <feedback@person.example>
To: {to}
Subject: Email Feedback Report
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b/1"

--b/1
Content-Type: text/plain

An abuse report.

--b/1
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Test/1.0
Version: 1

--b/1
Content-Type: message/rfc822

From: anna@acme.example
To: [redacted]
Message-ID: {message_id}
Subject: Hello

Hello!

--b/1--
""".encode()


def reply(message_id: str, words: str, *, to: str = "anna@acme.example", **headers: str) -> bytes:
    """An answer in the thread, with the letter quoted below."""
    mail = EmailMessage()
    mail["Return-Path"], mail["Delivered-To"] = "<anna@person.example>", to
    mail["From"], mail["To"], mail["Subject"], mail["In-Reply-To"] = (
        "anna@person.example",
        to,
        "Re: Hello",
        message_id,
    )
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(
        f"{words}\n\nOn Mon, 2 Nov 2026 10:00:00 +0000, {to} wrote:\n> Hello! If you want no more mail, unsubscribe.\n> Anna\n"
    )
    return mail.as_bytes()
