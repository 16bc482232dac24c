"""Counts the whole ledger."""

from __future__ import annotations

from prefect import flow

from tasks.naming import run_name
from tasks.report import count_books


@flow(name="report", flow_run_name=run_name("report"))
async def report(receipts: str | None = None) -> bool:
    """Count everything, and say whether the books balance; `receipts` is a folder of what receivers accepted."""
    return await count_books(receipts)
