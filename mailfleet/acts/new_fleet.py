"""A fleet as one YAML file: all of it is new, and all of it is added in one transaction, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field

from db.engine import Connection
from db.migrate import Roles
from mailfleet.acts import fleet, tenants
from mailfleet.acts.fleet_words import (
    HostName,
    Limit,
    NewDirection,
    NewDomain,
    NewEgress,
    NewMailbox,
    NewNode,
    NewTenant,
    Words,
    accepted,
)
from mailfleet.acts.keys import Keys
from mailfleet.acts.refused import Refused

LARGEST = 5_000_000
LocalPart = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class DomainWords(Words):
    """A direction's sending domain."""

    name: HostName
    bounce: HostName
    tracking: HostName
    hourly_limit: Limit = 500


class DirectionWords(NewDirection):
    """A direction with its domain, its mailboxes by local part, and the egresses they leave by in turn."""

    domain: DomainWords
    egresses: tuple[str, ...] = Field(min_length=1)
    daily_limit: Limit
    hourly_limit: Limit
    mailboxes: tuple[LocalPart, ...] = ()

    def routes(self, number: int) -> tuple[str, ...]:
        """The ways out of the `number`-th mailbox: its turn, and the next one as the fallback."""
        return tuple(dict.fromkeys(self.egresses[(number + step) % len(self.egresses)] for step in (0, 1)))


class TenantWords(NewTenant):
    """A tenant with its directions."""

    directions: tuple[DirectionWords, ...] = ()


class NewFleet(Words):
    """Everything a fleet file may name."""

    nodes: tuple[NewNode, ...] = ()
    egresses: tuple[NewEgress, ...] = ()
    tenants: tuple[TenantWords, ...] = ()


def read_new_fleet(file: Path) -> NewFleet:
    """The fleet that the file describes. Raises Refused, naming file and place."""
    return accepted(NewFleet, read_yaml(file), str(file))


def add_fleet(conn: Connection, keys: Keys, roles: Roles, new: NewFleet, *, actor: str) -> None:
    """All of it is there. Raises Refused for what was there before: a file read twice changes nothing."""
    for tenant in new.tenants:
        tenants.add_tenant(conn, keys, _only(NewTenant, tenant), actor=actor)
    for node in new.nodes:
        fleet.add_node(conn, roles, node, actor=actor)
    for egress in new.egresses:
        fleet.add_egress(conn, egress, actor=actor)
    for tenant in new.tenants:
        for direction in tenant.directions:
            _add_direction(conn, keys, tenant.slug, direction, actor)


def _add_direction(conn: Connection, keys: Keys, tenant: str, new: DirectionWords, actor: str) -> None:
    tenants.add_direction(conn, tenant, _only(NewDirection, new), actor=actor)
    tenants.add_domain(conn, keys, tenant, _domain(new.domain), actor=actor)
    for number, local_part in enumerate(new.mailboxes):
        mailbox = _mailbox(new, local_part)
        fleet.add_mailbox(conn, tenant, new.slug, mailbox, actor=actor)
        fleet.add_routes(conn, mailbox.address, new.routes(number), actor=actor)


def _domain(words: DomainWords) -> NewDomain:
    return NewDomain(
        name=words.name,
        bounce_domain=words.bounce,
        tracking_host=words.tracking,
        hourly_limit=words.hourly_limit,
    )


def _mailbox(direction: DirectionWords, local_part: str) -> NewMailbox:
    return NewMailbox(
        address=f"{local_part}@{direction.domain.name}",
        display_name=_display_name(local_part),
        daily_limit=direction.daily_limit,
        hourly_limit=direction.hourly_limit,
    )


def _display_name(local_part: str) -> str:
    """`anna.berg` is Anna Berg."""
    return " ".join(part.capitalize() for part in local_part.replace("_", ".").split(".") if part)


def _only(kind: type[Any], words: Words) -> Any:
    return kind.model_validate(words.model_dump(include=set(kind.model_fields)))


def read_yaml(file: Path) -> Any:
    """What a YAML file says. Raises Refused, naming file and line."""
    try:
        if file.stat().st_size > LARGEST:
            raise Refused(f"{file} is larger than a fleet file may be ({LARGEST:,} bytes)")
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as problem:
        raise Refused(f"{file} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise Refused(f"{file} is not UTF-8 text") from None
    except yaml.YAMLError as problem:
        where = getattr(problem, "problem_mark", None)
        raise Refused(f"{file}{f', line {where.line + 1}' if where else ''}: it is not YAML") from None
