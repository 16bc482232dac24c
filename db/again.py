"""Runs a transaction, once more where the database broke a deadlock by ending it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from psycopg.errors import DeadlockDetected
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from db.engine import transaction

T = TypeVar("T")
TRIES = 3


def run(engine: Engine, work: Callable[[Connection], T]) -> T:
    """What `work` returned, committed. It may run again from the start, so it keeps nothing outside."""
    for _ in range(TRIES - 1):
        try:
            return _once(engine, work)
        except OperationalError as problem:
            if not isinstance(problem.orig, DeadlockDetected):
                raise
    return _once(engine, work)


def _once(engine: Engine, work: Callable[[Connection], T]) -> T:
    with transaction(engine) as conn:
        return work(conn)
