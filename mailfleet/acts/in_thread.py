"""Transactions for asynchronous callers: one thread hop each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from db import again
from db.engine import Connection, Engine

T = TypeVar("T")


async def in_transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    """What `work` returned, committed. It may run again from the start, so it keeps nothing outside."""
    return await asyncio.to_thread(again.run, engine, work)
