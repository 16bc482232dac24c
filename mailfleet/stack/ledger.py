"""A ledger of our own on a cluster of our own: its roles, its database, its keys, and what each process is told."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from db.databases import ensure_database, let_in, superuser
from db.engine import plain_engine
from db.migrate import GROUPS, Roles, create_node_role, create_roles, migrate
from mailfleet.settings.keys import write_keyring
from mailfleet.stack import places
from mailfleet.stack.postgres import Cluster
from mailfleet.stack.secret_files import secret

ROLES = Roles("mailfleet")
KEYS = ("encryption_keys", "token_keys", "hash_keys")


@dataclass(frozen=True)
class Ledger:
    """One database of a clone's cluster. Roles and keys are the clone's: every ledger of it shares them."""

    cluster: Cluster
    root: Path
    database: str
    roles: Roles = ROLES

    def url(self, group: str) -> str:
        """The URL of `control`, `tenant`, `web` or `owner`."""
        return self._url(self.roles.name(group))

    def node_url(self, node: str) -> str:
        """The URL of a node's own login."""
        return self._url(self.roles.node(node))

    def _url(self, role: str) -> str:
        return self.cluster.url(self.database, role, secret(self.root, f"role-{role}"))

    def keys(self) -> dict[str, str]:
        """The settings that name the key files."""
        return {name.upper(): str(self.root / "keys" / f"{name}.json") for name in KEYS}

    def control(self) -> Mapping[str, str]:
        """What flows on the control side and the command are told."""
        return self.keys() | {"DATABASE_URL": self.url("control"), "DATABASE_TENANT_URL": self.url("tenant")}

    def web(self) -> Mapping[str, str]:
        """What the web service is told."""
        return self.keys() | {"DATABASE_WEB_URL": self.url("web")}

    def node(self, name: str) -> Mapping[str, str]:
        """What a node's worker is told: its own login only."""
        state = places.open_folder(self.root / "nodes" / self.database / name)
        return self.keys() | {
            "DATABASE_NODE_URL": self.node_url(name),
            "NODE_NAME": name,
            "NODE_STATE_DIR": str(state),
        }


def create(ledger: Ledger, *, demo_starts_at: datetime | None = None) -> Ledger:
    """Roles, database, revisions and key files are there; what was there already stays."""
    passwords = {group: secret(ledger.root, f"role-{ledger.roles.name(group)}") for group in GROUPS}
    with superuser(ledger.cluster.url("postgres")) as conn:
        create_roles(conn, ledger.roles, passwords)
        ensure_database(conn, ledger.database, ledger.roles.name("owner"))
        for group in GROUPS:
            let_in(conn, ledger.database, ledger.roles.name(group))
    owner = plain_engine(ledger.url("owner"))
    migrate(owner, ledger.roles, demo_starts_at=demo_starts_at)
    owner.dispose()
    _keys(ledger.root)
    return ledger


def create_nodes(ledger: Ledger, names: Iterable[str]) -> None:
    """Each node has its own login."""
    with superuser(ledger.cluster.url("postgres")) as conn:
        for name in names:
            create_node_role(conn, ledger.roles, name, secret(ledger.root, f"role-{ledger.roles.node(name)}"))


def _keys(root: Path) -> None:
    for name in KEYS:
        path = places.open_folder(root / "keys", 0o700) / f"{name}.json"
        if not path.exists():
            write_keyring(path, secrets.token_bytes(32))
