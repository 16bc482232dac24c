"""Whoever is suppressed by a hash that a message carries is suppressed under every kept hash key.

The same person has other hashes where another tenant took them in after a rotation. Only control has both the keys and
the leads, so what nodes and the public service wrote is completed here afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from db import clock, suppressions
from db.engine import Connection, Engine, transaction
from db.suppressions import NewSuppression
from mailfleet.acts.keys import Keys
from mailfleet.mail.ids import keyed_hash
from mailfleet.policy.address import person

AT_ONCE = 500


def under_every_key(conn: Connection, keys: Keys, new: Sequence[NewSuppression]) -> list[NewSuppression]:
    """These, and before them the same ones under each kept key, where a lead still says whose hash it is."""
    if len(keys.hashes.keys) < 2 or not new:
        return list(new)
    hashes = {value for one in new for value in (one.person_hash, one.address_hash) if value}
    whose = suppressions.addresses(conn, hashes)
    return [*(other for one in new for other in _others(keys, one, whose)), *new]


def spread(engine: Engine, keys: Keys) -> int:
    """Those written where the keys or the leads were not at hand are there under every key; how many were completed."""
    if len(keys.hashes.keys) < 2:
        return 0
    done = 0
    while some := _spread(engine, keys):
        done += some
    return done


def _spread(engine: Engine, keys: Keys) -> int:
    with transaction(engine) as conn:
        now = clock.now(conn)
        found = suppressions.of_messages(conn, limit=AT_ONCE, now=now)
        suppressions.suppress(conn, under_every_key(conn, keys, list(found.values())), now=now)
        return suppressions.name_key(conn, list(found))


def _others(keys: Keys, one: NewSuppression, whose: dict[bytes, str]) -> Iterator[NewSuppression]:
    """The address itself says more than another one of the same person."""
    address = whose.get(one.address_hash or b"") or whose.get(one.person_hash or b"")
    if address is None:
        return
    for number, key in sorted(keys.hashes.keys.items()):
        yield replace(
            one, hash_key_id=number, person_hash=keyed_hash(key, person(address)) if one.person_hash else None,
            address_hash=keyed_hash(key, address) if one.address_hash else None,
        )  # fmt: skip
