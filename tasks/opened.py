"""What acts need and no parameter carries: the ledger, the keys, who acts; opened once a process."""

from __future__ import annotations

from functools import cache

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from db.engine import DatabaseRefused, Engine, open_engine
from mailfleet.acts.keys import Keys, open_keys
from mailfleet.settings import Settings, SettingsRefused, load

# For tasks that read, or whose act ends the same when it is done twice. Sending is never among them.
RETRIES = 3
BACKOFF = exponential_backoff(backoff_factor=2)
JITTER = 0.5


def settings() -> Settings:
    """This process's settings."""
    return load()


def ledger() -> Engine:
    """The ledger, as role control."""
    return _engine(load().url("database_url"))


def node_ledger(node: str) -> Engine:
    """The ledger, as this node's own role. Raises SettingsRefused on a machine that is another node."""
    here = load().need("node_name")
    if here != node:
        raise SettingsRefused(
            f"this worker is {here} and was given work of {node}: its queue must be {here}'s"
        )
    return _engine(load().url("database_node_url"))


def ledger_here() -> Engine:
    """The ledger, as whatever role this machine has."""
    told = load()
    return _engine(told.database_node_url or told.url("database_url"))


def keys() -> Keys:
    """The installation's keyrings."""
    return open_keys(load())


def actor() -> str:
    """Who acts, for the audit."""
    return load().mailfleet_actor or "prefect"


async def may_pass(_task: Task[..., object], _run: TaskRun, state: State[object]) -> bool:
    """Whether trying again can help: a lost database or line does, a refusal does not."""
    return isinstance(await state.aresult(raise_on_failure=False), DatabaseRefused | OSError)


@cache
def _engine(url: str) -> Engine:
    return open_engine(url)
