"""Alerts that must reach a person: handed out until somebody says that they arrived."""

from __future__ import annotations

from collections.abc import Sequence

from db import outbox
from db.engine import Engine, transaction
from db.outbox import Alert

AT_ONCE = 100


def waiting(engine: Engine) -> list[Alert]:
    """The oldest alerts that nobody has acknowledged."""
    with transaction(engine) as conn:
        return outbox.waiting(conn, limit=AT_ONCE)


def acknowledge(engine: Engine, ids: Sequence[int]) -> int:
    """These have arrived and are not handed out again; how many had not before."""
    with transaction(engine) as conn:
        return outbox.acknowledge(conn, ids)
