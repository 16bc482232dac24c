"""Opens the demo run that was interrupted, settles what evidence settles, and says how its books stand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from db import fleet, leases
from db.databases import exists, superuser
from db.engine import DatabaseRefused, Engine, open_engine, transaction
from mailfleet.acts import house, read_node, recovery, settle_unknown, take_feedback
from mailfleet.acts.keys import Keys, open_keys
from mailfleet.acts.refused import Refused
from mailfleet.acts.report import unfinished_balance
from mailfleet.settings import SettingsRefused, load
from mailfleet.stack import demo_runs, outside
from mailfleet.stack.demo_runs import Run
from mailfleet.stack.ledger import Ledger
from mailfleet.stack.outside import Outside
from mailfleet.stack.postgres import Cluster


def recover(cluster: Cluster, root: Path, run: Run) -> str:
    """One line on the run, which is kept; nothing of it is sent again."""
    own = Ledger(cluster, root, run.database)
    try:
        line = f"{run.path.name}: {_balance(own, run)}"
    except (
        Refused,
        DatabaseRefused,
        SettingsRefused,
    ) as problem:  # it is kept, and it must not stop the next run
        line = f"{run.path.name}: it cannot be opened any more: {problem}"
    demo_runs.write(replace(run, state="recovered", recovered=line))
    return line


def _balance(own: Ledger, run: Run) -> str:
    with superuser(own.cluster.url("postgres")) as conn:
        if not exists(conn, own.database):
            return "it had no ledger yet"
    try:
        engine = open_engine(own.url("control"))
    except DatabaseRefused:
        return "its ledger was not made yet"
    keys = open_keys(load(own.control()))
    _settle(own, engine, keys, run)
    found = unfinished_balance(engine, keys, Path(run.receipts))
    engine.dispose()
    return found


def _settle(own: Ledger, engine: Engine, keys: Keys, run: Run) -> None:
    """All its workers are dead, and so is its sandbox: what they left is read, and nothing more will come."""
    with transaction(engine) as conn:
        leases.end_all(conn)
        known = fleet.nodes(conn)  # none, where it ended before its seeds
    recovery.recover(engine)
    if outside.ready(run.sandbox):
        there = outside.read(run.sandbox)
        for node in known:
            _read_node(own, keys, there, node)
        take_feedback.take_maildirs(engine, Path(there.told["maildirs"]))
    take_feedback.drain(engine, keys)
    settle_unknown.settle(engine)
    house.keep(engine)


def _read_node(own: Ledger, keys: Keys, there: Outside, node: str) -> None:
    told = load({**own.node(node), **there.node(node)})
    engine = open_engine(told.url("database_node_url"))
    read_node.read_node(
        engine,
        keys,
        node=node,
        log=told.path("postfix_log"),
        postqueue=told.postfix_bin_dir / "postqueue",
        config_dir=told.postfix_config_dir,
    )
    engine.dispose()
