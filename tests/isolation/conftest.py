"""These tests hold on every PostgreSQL there is; they start from two tenants with a row in every table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Ledger, fresh
from tests.isolation.world import World, make
from tests.servers import cluster_url, ledger, template

__all__ = ["cluster_url", "ledger", "template"]


@pytest.fixture(scope="session")
def first_world(template: Ledger) -> Iterator[World]:
    """Filled once; the others are copies of it."""
    with fresh(template) as ledger:
        yield make(ledger)


@pytest.fixture(scope="session")
def world(first_world: World) -> Iterator[World]:
    """Shared by all tests that change nothing: what they try is refused, or reads."""
    with fresh(first_world.ledger) as ledger:
        yield first_world.on(ledger)


@pytest.fixture
def own_world(first_world: World) -> Iterator[World]:
    """This test's alone."""
    with fresh(first_world.ledger) as ledger:
        yield first_world.on(ledger)
