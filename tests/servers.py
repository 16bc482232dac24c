"""The ledger's fixtures over every PostgreSQL there is: the wheel's, and Debian's where it is installed.

A folder whose tests must hold on both imports these fixtures into its conftest.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Ledger, fresh, migrated, own_cluster

DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))


@pytest.fixture(scope="session", params=["wheel", "debian"])
def cluster_url(request: pytest.FixtureRequest, worker_id: str) -> Iterator[str]:
    """A superuser's URL on the wheel's server, then on Debian's."""
    if request.param == "debian" and not DEBIAN:
        pytest.skip("Debian's PostgreSQL is not installed (apt-get install postgresql-15): not run on it")
    given = os.environ.get(
        "MAILFLEET_TEST_CLUSTER" if request.param == "wheel" else "MAILFLEET_TEST_CLUSTER_DEBIAN"
    )
    if given:
        yield given
        return
    with own_cluster(
        f"{request.param}-{worker_id}", str(DEBIAN[0].parent) if request.param == "debian" else None
    ) as url:
        yield url


@pytest.fixture(scope="session")
def template(cluster_url: str) -> Iterator[Ledger]:
    with migrated(cluster_url) as ledger:
        yield ledger


@pytest.fixture
def ledger(template: Ledger) -> Iterator[Ledger]:
    with fresh(template) as ledger:
        yield ledger
