"""What each dimension took, hour by hour. Rows are made and locked in one order: dimension, key, receiver, hour."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from mailfleet.policy.allowance import DAY, HOUR, Buckets, Cap, Key

# The rows that a set of messages took: its five dimensions, where it has them.
_OF_MESSAGES = """
    SELECT d.dimension, d.key, m.allowed_hour AS hour, count(*) AS used
      FROM mailfleet.messages m CROSS JOIN LATERAL (VALUES
           ('tenant', m.tenant_id::bigint), ('campaign', m.campaign_id), ('domain', m.domain_id),
           ('mailbox', m.mailbox_id), ('egress', m.egress_id)) AS d (dimension, key)
     WHERE m.message_id = ANY(:ids) AND m.state = 'claimed' AND d.key IS NOT NULL
     GROUP BY 1, 2, 3
"""


@dataclass(frozen=True)
class Row:
    """A dimension to be counted; `tenant_id` None where tenants share it."""

    tenant_id: int | None
    dimension: str
    key: int


def lock(conn: Connection, rows: Collection[Row], hour: datetime) -> None:
    """This hour's and the last hour's rows are there and ours until the end of the transaction.

    The last hour's too: a claim that began before the full hour may still be counting there.
    """
    wanted = _arrays(rows) | {"hours": [hour - HOUR, hour]}
    conn.execute(text("""
        INSERT INTO mailfleet.allowances (tenant_id, dimension, key, receiver, hour)
        SELECT w.tenant_id, w.dimension, w.key, '', h.hour
          FROM unnest(CAST(:tenants AS int[]), CAST(:dimensions AS text[]), CAST(:keys AS bigint[]))
                 AS w (tenant_id, dimension, key), unnest(CAST(:hours AS timestamptz[])) AS h (hour)
         ORDER BY w.dimension, w.key, h.hour
        ON CONFLICT DO NOTHING
    """), wanted)  # fmt: skip
    conn.execute(text("""
        SELECT FROM mailfleet.allowances AS a
         WHERE (a.dimension, a.key) IN (SELECT * FROM unnest(CAST(:dimensions AS text[]), CAST(:keys AS bigint[])))
           AND a.receiver = '' AND a.hour = ANY(CAST(:hours AS timestamptz[]))
         ORDER BY a.dimension, a.key, a.receiver, a.hour FOR UPDATE
    """), wanted)  # fmt: skip


def used(conn: Connection, rows: Collection[Row], hour: datetime) -> dict[Key, Buckets]:
    """The buckets of the last 24 hours, under the lock."""
    found: dict[Key, dict[datetime, int]] = defaultdict(dict)
    for row in conn.execute(text("""
        SELECT a.dimension, a.key, a.hour, sum(a.used)::int AS used
          FROM unnest(CAST(:dimensions AS text[]), CAST(:keys AS bigint[])) AS w (dimension, key)
          JOIN mailfleet.allowances a ON a.dimension = w.dimension AND a.key = w.key AND a.hour > :since AND a.hour <= :hour
         WHERE a.used > 0 GROUP BY 1, 2, 3
    """), _arrays(rows) | {"since": hour - DAY * HOUR, "hour": hour}):  # fmt: skip
        found[row.dimension, row.key][row.hour] = row.used
    return dict(found)


def caps(conn: Connection, rows: Collection[Row]) -> dict[Key, Cap]:
    """What each dimension may take. A campaign that is not approved has none, and so takes nothing."""
    by_dimension: dict[str, list[int]] = {
        name: [] for name in ("tenant", "campaign", "domain", "mailbox", "egress")
    }
    for row in rows:
        by_dimension[row.dimension].append(row.key)
    return {(row.dimension, row.key): Cap(row.hourly, row.daily) for row in conn.execute(text("""
        SELECT 'tenant' AS dimension, tenant_id::bigint AS key, NULL::int AS hourly, daily_limit AS daily
          FROM mailfleet.tenants WHERE tenant_id = ANY(:tenant)
        UNION ALL
        SELECT 'campaign', c.campaign_id, NULL, v.daily_limit FROM mailfleet.campaigns c
          JOIN mailfleet.campaign_versions v
            ON v.tenant_id = c.tenant_id AND v.campaign_id = c.campaign_id AND v.version = c.approved
         WHERE c.campaign_id = ANY(:campaign)
        UNION ALL
        SELECT 'domain', domain_id, hourly_limit, NULL FROM mailfleet.domains WHERE domain_id = ANY(:domain)
        UNION ALL
        SELECT 'mailbox', mailbox_id, hourly_limit, daily_limit FROM mailfleet.mailboxes WHERE mailbox_id = ANY(:mailbox)
        UNION ALL
        SELECT 'egress', egress_id, NULL, daily_limit FROM mailfleet.egresses WHERE egress_id = ANY(:egress)
    """), by_dimension)}  # fmt: skip


def take(conn: Connection, keys: Iterable[Key], hour: datetime) -> None:
    """Counts one for every key named, as often as it is named. Only under the lock."""
    counts = sorted(Counter(keys).items())
    conn.execute(text("""
        UPDATE mailfleet.allowances AS a SET used = a.used + t.used
          FROM unnest(CAST(:dimensions AS text[]), CAST(:keys AS bigint[]), CAST(:used AS int[])) AS t (dimension, key, used)
         WHERE a.dimension = t.dimension AND a.key = t.key AND a.receiver = '' AND a.hour = :hour
    """), {"dimensions": [key[0] for key, _ in counts], "keys": [key[1] for key, _ in counts],
           "used": [count for _, count in counts], "hour": hour})  # fmt: skip


def give_back(conn: Connection, message_ids: Sequence[int]) -> None:
    """What these claimed messages took is free again. Call it before they leave the state `claimed`."""
    conn.execute(text(f"""
        SELECT FROM mailfleet.allowances AS a
         WHERE (a.dimension, a.key, a.hour) IN (SELECT dimension, key, hour FROM ({_OF_MESSAGES}) AS took)
           AND a.receiver = ''
         ORDER BY a.dimension, a.key, a.receiver, a.hour FOR UPDATE
    """), {"ids": list(message_ids)})  # fmt: skip
    conn.execute(text(f"""
        UPDATE mailfleet.allowances AS a SET used = greatest(a.used - took.used, 0) FROM ({_OF_MESSAGES}) AS took
         WHERE a.dimension = took.dimension AND a.key = took.key AND a.receiver = '' AND a.hour = took.hour
    """), {"ids": list(message_ids)})  # fmt: skip


def _arrays(rows: Collection[Row]) -> dict[str, list[object]]:
    ordered = sorted(rows, key=lambda row: (row.dimension, row.key))
    return {
        "tenants": [row.tenant_id for row in ordered],
        "dimensions": [row.dimension for row in ordered],
        "keys": [row.key for row in ordered],
    }
