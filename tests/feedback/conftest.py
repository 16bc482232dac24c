"""A small fleet whose messages can be put into any state."""

from __future__ import annotations

import pytest

from tests.conftest import Ledger
from tests.feedback.given import World, world_of


@pytest.fixture
def world(ledger: Ledger) -> World:
    return world_of(ledger)
