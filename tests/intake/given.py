"""What the tests of intake, planning and waves start from: a small agency, people, and names in the DNS."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, text

from db import clock
from db.engine import plain_engine, transaction
from mailfleet.acts.campaigns import approve, create
from mailfleet.acts.keys import Keys
from mailfleet.acts.plan_campaign import Planned, plan
from mailfleet.acts.take_leads import Intake, take_leads
from mailfleet.settings.keys import Keyring
from sandbox import nameserver, tables

EXAMPLES = Path(__file__).parents[2] / "examples"
REGIONS = frozenset({"DE", "US", "GB", "NL", "FR", "KZ", "RU"})
OLD_HASHES, NEW_HASHES = Keyring({1: b"h" * 32}), Keyring({1: b"h" * 32, 2: b"n" * 32})
HEADER = "email,first name,last name,company,country,phone,consent source,consent date,direction\n"


def keys(hashes: Keyring = OLD_HASHES) -> Keys:
    return Keys(Keyring({1: b"s" * 32}), Keyring({1: b"t" * 32}), hashes)


@contextmanager
def names(*, every_domain: bool = False) -> Iterator[str]:
    """The sandbox's DNS server with the examples' domains, as host:port."""
    world = tables.read(EXAMPLES / "receivers.csv", EXAMPLES / "behaviours.csv", every_domain=every_domain)
    loop = asyncio.new_event_loop()
    port, transport, server = loop.run_until_complete(nameserver.listen(world))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        transport.close()
        server.close()
        loop.run_until_complete(server.wait_closed())
        loop.close()


def agency(
    engine: Engine, owner_url: str, *, mailboxes: int = 2, tenants: tuple[str, ...] = ("acme",)
) -> None:
    """Tenants with two directions each, one domain, some mailboxes for each, and an egress on either node."""
    prefix = owner_url.split("//")[1].split("_owner")[0]
    with plain_engine(owner_url).begin() as conn:
        for number in (1, 2):
            conn.execute(
                text("""
                INSERT INTO mailfleet.nodes (name, role_name, host) VALUES (:name, :role, '127.0.0.1')
            """),
                {"name": f"node-{number}", "role": f"{prefix}_node_node_{number}"},
            )
            conn.execute(
                text("""
                INSERT INTO mailfleet.egresses (node_id, name, kind, host, port, helo, daily_limit)
                SELECT node_id, :name, 'postfix', '127.0.0.1', 2525, 'out.example', 10000 FROM mailfleet.nodes WHERE name = :node
            """),
                {"name": f"egress-{number}", "node": f"node-{number}"},
            )
    for tenant in tenants:
        with transaction(engine) as conn:
            conn.execute(text(_AGENCY), {"tenant": tenant, "mailboxes": mailboxes})


_AGENCY = """
    WITH t AS (INSERT INTO mailfleet.tenants (slug, name, legal_name, postal_address, created_at)
               VALUES (:tenant, initcap(:tenant), 'Acme GmbH', 'Hafen 1, Hamburg', now()) RETURNING tenant_id, slug),
         d AS (INSERT INTO mailfleet.directions (tenant_id, slug, name, purpose)
               SELECT tenant_id, v.slug, v.name, 'news' FROM t, (VALUES ('tools', 'Tools'), ('kursy', 'Курсы')) AS v (slug, name)
               RETURNING tenant_id, direction_id, slug),
         o AS (INSERT INTO mailfleet.domains (tenant_id, name, bounce_domain, tracking_host, dkim_selector, dkim_key)
               SELECT d.tenant_id, d.slug || '.' || t.slug || '.example', d.slug || '.b.' || t.slug || '.example',
                      'go.' || t.slug || '.example', 's1', ''::bytea
                 FROM d JOIN t USING (tenant_id) RETURNING tenant_id, domain_id, name),
         m AS (INSERT INTO mailfleet.mailboxes (tenant_id, domain_id, direction_id, address, display_name,
                                                daily_limit, hourly_limit)
               SELECT d.tenant_id, o.domain_id, d.direction_id, 'box' || n || '@' || o.name, 'Box', 60, 40
                 FROM d JOIN o ON o.name LIKE d.slug || '.%', generate_series(1, :mailboxes) AS n
               RETURNING tenant_id, mailbox_id)
    INSERT INTO mailfleet.routes (tenant_id, mailbox_id, position, egress_owner, egress_id)
    SELECT m.tenant_id, m.mailbox_id,
           row_number() OVER (PARTITION BY m.mailbox_id ORDER BY (m.mailbox_id + e.egress_id) % 2), 0, e.egress_id
      FROM m CROSS JOIN mailfleet.egresses e
"""


@dataclass(frozen=True)
class Desk:
    """Where lead files are taken in."""

    engine: Engine
    folder: Path
    server: str

    def take(self, content: str | bytes, *, name: str = "leads.csv", direction: str | None = "tools",
             with_keys: Keys | None = None) -> Intake:  # fmt: skip
        file = self.folder / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self.take_file(file, direction=direction, with_keys=with_keys)

    def take_file(self, file: Path, *, direction: str | None = "tools", tenant: str = "acme",
                  with_keys: Keys | None = None) -> Intake:  # fmt: skip
        return take_leads(
            self.engine, with_keys or keys(), file=file, tenant=tenant, direction=direction, actor="anna",
            servers=(self.server,), regions=REGIONS,
        )  # fmt: skip


def person(number: int) -> str:
    """A line of a good row."""
    return f"person.{number}@quillworks.example,Ann,Lee,Quill,DE,,fair form,2026-01-20,\n"


FILE = """
tenant: acme
slug: spring
direction: tools
window: {start: "09:00", end: "18:00"}
daily_limit: 600
ends_at: 2099-03-03T18:00:00+00:00
steps:
  - {key: first, after_days: 0, subject: "For {{ company }}", text: "Hello {{ given_name }}", html: "<p>Hello</p>"}
  - {key: second, after_days: 2, subject: "", text: "One more thing", html: "<p>One more thing</p>"}
"""

MONDAY = datetime(2098, 3, 3, 5, 0, tzinfo=UTC)


class House:
    """A desk with a campaign and its people, on a Monday morning."""

    def __init__(self, desk: Desk, owner_url: str) -> None:
        self.desk, self.engine, self.owner_url = desk, desk.engine, owner_url
        self.at(MONDAY)

    def at(self, moment: datetime) -> None:
        with transaction(self.engine) as conn:
            clock.move(conn, moment)

    def people(self, count: int, *, direction: str = "tools", start: int = 0) -> None:
        rows = "".join(map(person, range(start, start + count)))
        self.desk.take(HEADER + rows, direction=direction)

    def campaign(self, content: str = FILE) -> str:
        file = self.desk.folder / "campaign.yaml"
        file.write_text(content)
        name = create(self.engine, file, "anna").name
        approve(self.engine, name, "anna")
        return name

    def plan(self, **more: object) -> Planned:
        return plan(self.engine, keys(), **more)  # type: ignore[arg-type]

    def rows(self, statement: str, **values: object) -> list:
        with transaction(self.engine) as conn:
            return list(conn.execute(text(statement), values))

    def move_all(self, state: str, *, reason: str | None = None, where: str = "true") -> None:
        """What the send path and the world would do."""
        with plain_engine(self.owner_url).begin() as conn:
            conn.execute(
                text(f"""
                UPDATE mailfleet.messages SET state = CAST(:state AS text), reason = :reason, attempt = 1, began_at = now(),
                       node_id = 1, egress_id = 1, egress_owner = 0, hold_until = CASE WHEN :state = 'held' THEN due_at END,
                       submitted_at = CASE WHEN :state IN ('submitted', 'delivered', 'bounced') THEN due_at END,
                       ended_at = CASE WHEN :state IN ('delivered', 'bounced', 'refused', 'dropped', 'expired') THEN due_at END
                 WHERE {where}
            """),
                {"state": state, "reason": reason},
            )
