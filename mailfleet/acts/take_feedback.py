"""Takes in what the world answers: raw first, then understood, each thing once."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

from db import clock, inbox, incidents, persons, queue_ids, stops, suppressions
from db.engine import Connection, Engine, transaction
from db.inbox import Arrival, Item
from mailfleet.acts import apply_feedback, suppress_everywhere, understand
from mailfleet.acts.aftermath import Aftermath, carry_out, drop
from mailfleet.acts.keys import Keys
from mailfleet.acts.understand import NOT_UNDERSTOOD, VERSION, Said
from mailfleet.mail import postfix_log
from mailfleet.probes import maildir
from mailfleet.probes.maildir import New

TAKEN_AT_ONCE = 50
APPLIED_AT_ONCE = 50


def take_maildirs(engine: Engine, root: Path) -> dict[str, int]:
    """Every mail in the Maildirs under `root` is in the inbox, and moved to `cur` after that was committed.

    Counts: `taken`, `known` (the same bytes came before), `too_large` (left where it is).
    """
    counts: Counter[str] = Counter(taken=0, known=0, too_large=0)
    mails = maildir.new(root)
    while batch := list(islice(mails, TAKEN_AT_ONCE)):
        counts.update(_take(engine, batch))
    return dict(counts)


def _take(engine: Engine, batch: Sequence[New]) -> Counter[str]:
    read = [(mail, raw) for mail in batch if (raw := maildir.read(mail)) is not None]
    arrivals = [Arrival(hashlib.sha256(raw).digest(), mail.domain, raw) for mail, raw in read]
    with transaction(engine) as conn:
        taken = inbox.put(conn, arrivals, source="maildir", now=clock.now(conn))
    for mail, _ in read:
        maildir.taken(mail)
    left = sum(mail.path.exists() for mail in batch)
    return Counter(taken=taken, known=len(read) - taken, too_large=left)


def drain(engine: Engine, keys: Keys) -> dict[str, int]:
    """Whatever waits in the inbox is understood and has its consequences; what is about a message that a worker has
    just now stays. Counts by what things were taken for, `waiting`, `not_understood`; `ended` by suppressions.
    """
    counts: Counter[str] = Counter()
    last: Item | None = None
    while True:
        with transaction(engine) as conn:
            items = inbox.waiting(conn, after=last, limit=APPLIED_AT_ONCE)
            counts.update(_understand(conn, keys, items))
        if not items:
            break
        last = items[-1]
    suppress_everywhere.spread(engine, keys)
    with transaction(engine) as conn:
        now = clock.now(conn)
        suppressions.clear_lapsed(conn, now=now)
        incidents.close_expired(conn, now=now)
        stops.close_expired(conn, now=now)
        counts["dropped"] += drop(conn, persons.end_suppressed(conn, now=now), now=now)
    return dict(counts)


def _understand(conn: Connection, keys: Keys, items: Sequence[Item]) -> list[str]:
    now, after = clock.now(conn), Aftermath()
    messages = _queue_ids(conn, items)
    words = [_one(conn, keys, item, messages.get(item.node_id or 0, {}), after, now) for item in items]
    carry_out(conn, keys, after, now=now)
    return words


def _one(
    conn: Connection, keys: Keys, item: Item, messages: dict[str, int], after: Aftermath, now: datetime
) -> str:
    said = _said(keys, item, messages)
    if said is not None and not apply_feedback.apply(conn, keys, said, item.inbox_id, after, now=now):
        return "waiting"
    word = said.word if said else NOT_UNDERSTOOD
    inbox.applied(conn, item, word, version=VERSION, now=now)
    return word


def _said(keys: Keys, item: Item, messages: dict[str, int]) -> Said | None:
    if item.source == "one_click":
        return understand.click(keys.tokens.keys, item)
    if item.source == "node_log":
        return understand.log_line(item, messages)
    return understand.mail(keys.tokens.keys, item)


def _queue_ids(conn: Connection, items: Sequence[Item]) -> dict[int, dict[str, int]]:
    """By node: the message of every queue id that these log lines name."""
    wanted: dict[int, set[str]] = {}
    for item in items:
        if item.node_id and (entry := postfix_log.read(item.body.decode("utf-8", "replace"))):
            wanted.setdefault(item.node_id, set()).add(entry.queue_id)
    return {node: queue_ids.ours(conn, node, ids) for node, ids in wanted.items()}
