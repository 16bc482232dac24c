from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Ledger
from tests.intake.given import Desk, House, agency, names


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with names() as address:
        yield address


@pytest.fixture
def desk(demo_ledger: Ledger, tmp_path: Path, server: str) -> Iterator[Desk]:
    engine = demo_ledger.engine()
    agency(engine, demo_ledger.url("owner"))
    yield Desk(engine, tmp_path, server)
    engine.dispose()


@pytest.fixture
def house(desk: Desk, demo_ledger: Ledger) -> Iterator[House]:
    return House(desk, demo_ledger.url("owner"))
