"""Fills an empty ledger from readable files: the fleet, who must not be written to, and the campaigns."""

from __future__ import annotations

from pathlib import Path

from db.engine import Engine, transaction
from db.migrate import Roles
from mailfleet.acts import campaigns, suppression_file
from mailfleet.acts.keys import Keys
from mailfleet.acts.new_fleet import NewFleet, add_fleet

ACTOR = "demo seeds"


def seed_fleet(engine: Engine, keys: Keys, roles: Roles, new: NewFleet) -> None:
    """Nodes, tenants, egresses, domains with new DKIM keys, mailboxes and routes; one transaction."""
    with transaction(engine) as conn:
        add_fleet(conn, keys, roles, new, actor=ACTOR)


def seed_suppressions(engine: Engine, keys: Keys, file: Path) -> int:
    """Whoever the file names is suppressed; how many rows it has."""
    return suppression_file.import_file(engine, keys, file, ACTOR)["rows"]


def seed_campaigns(engine: Engine, folder: Path) -> int:
    """Every campaign file of the folder, created and approved; how many there were."""
    files = sorted(folder.glob("*.yaml"))
    for file in files:
        campaigns.approve(engine, campaigns.create(engine, file, ACTOR).name, ACTOR)
    return len(files)
