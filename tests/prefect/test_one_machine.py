"""Flows on a machine that was told of no Maildirs and no Postfix: what can be done is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect import task
from prefect.cache_policies import NO_CACHE

from db.engine import DatabaseRefused
from flows.read_node import read_node
from flows.take_feedback import take_feedback
from mailfleet.settings import SettingsRefused
from mailfleet.settings.keys import write_keyring
from tasks.opened import may_pass
from tests.conftest import Ledger
from tests.prefect.conftest import run
from tests.send.given import KEYS, small_fleet

pytestmark = [pytest.mark.prefect, pytest.mark.slow, pytest.mark.usefixtures("server", "told_little")]


@pytest.fixture
def told_little(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings that `mailfleet up` makes, and none of an operator's own."""
    ours = {
        "DATABASE_URL": ledger.url("control"),
        "DATABASE_NODE_URL": ledger.url("node-1"),
        "NODE_NAME": "node-1",
    }
    rings = {"ENCRYPTION_KEYS": KEYS.seal, "TOKEN_KEYS": KEYS.tokens, "HASH_KEYS": KEYS.hashes}
    for name, keyring in rings.items():
        write_keyring(tmp_path / name, keyring.keys[1])
        ours[name] = str(tmp_path / name)
    for name in ("MAILDIR_ROOT", "POSTFIX_LOG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ours.items():
        monkeypatch.setenv(name, value)


def test_what_waits_is_understood_and_what_is_overdue_ends_without_a_folder_of_mail() -> None:
    assert run(take_feedback()) == {"taken": 0, "dropped": 0, "expired": 0}


def test_a_node_whose_ways_out_are_no_postfix_has_no_log_to_read(ledger: Ledger) -> None:
    small_fleet(ledger)
    assert run(read_node("node-1")) == {"lines": 0}


def test_a_node_with_a_postfix_is_told_which_setting_is_missing(ledger: Ledger) -> None:
    small_fleet(ledger).egress("post", 25, kind="postfix")
    with pytest.raises(SettingsRefused, match="POSTFIX_LOG is not set"):
        run(read_node("node-1"))


@pytest.mark.parametrize(
    ("problem", "tries"), [(DatabaseRefused("the line is lost"), 2), (SettingsRefused("x"), 1)]
)
def test_what_may_pass_is_tried_again_and_a_refusal_is_not(problem: Exception, tries: int) -> None:
    seen: list[int] = []

    @task(retries=1, retry_delay_seconds=0, retry_condition_fn=may_pass, cache_policy=NO_CACHE)
    async def fails() -> None:
        seen.append(1)
        raise problem

    with pytest.raises(type(problem)):
        run(fails())
    assert len(seen) == tries
