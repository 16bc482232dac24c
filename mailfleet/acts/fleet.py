"""New mailboxes, nodes, egresses and routes, and a mailbox's limits; each in the caller's transaction and the audit."""

from __future__ import annotations

from collections.abc import Sequence

from db import audit, fleet, tenants
from db.engine import Connection
from db.fleet import Limits
from db.migrate import Roles
from mailfleet.acts.fleet_words import NewEgress, NewMailbox, NewNode
from mailfleet.acts.refused import Refused
from mailfleet.acts.tenants import known

SHARED = 0


def add_mailbox(conn: Connection, tenant: str, direction: str, new: NewMailbox, *, actor: str) -> int:
    """The mailbox is there; it sends nothing before it has a route."""
    found = known(conn, tenant)
    direction_id = tenants.direction(conn, found.tenant_id, direction)
    if direction_id is None:
        raise Refused(f"{tenant} has no direction {direction}: `mailfleet tenant list` shows those it has")
    mailbox_id = fleet.add_mailbox(conn, found.tenant_id, direction_id, new.model_dump())
    if mailbox_id is None:
        raise Refused(f"{new.address} is there already, or its domain is no sending domain of {tenant}")
    audit.append(
        conn, actor=actor, act="mailbox added", subject=f"mailbox {new.address}", details=new.model_dump()
    )
    return mailbox_id


def add_node(conn: Connection, roles: Roles, new: NewNode, *, actor: str) -> int:
    """The node is there. Its login role is made by the next `mailfleet migrate`."""
    node_id = fleet.add_node(conn, name=new.name, host=new.host, role_name=roles.node(new.name))
    if node_id is None:
        raise Refused(f"node {new.name} is there already: choose another name")
    audit.append(conn, actor=actor, act="node added", subject=f"node {new.name}", details=new.model_dump())
    return node_id


def add_egress(conn: Connection, new: NewEgress, *, actor: str) -> int:
    """The egress is there: its tenant's, or shared."""
    owner = known(conn, new.tenant).tenant_id if new.tenant else SHARED
    egress_id = fleet.add_egress(conn, new.model_dump(), owner_id=owner)
    if egress_id is None:
        raise Refused(f"egress {new.name} is there already, or there is no node {new.node}")
    audit.append(
        conn, actor=actor, act="egress added", subject=f"egress {new.name}", details=new.model_dump()
    )
    return egress_id


def add_routes(conn: Connection, mailbox: str, egresses: Sequence[str], *, actor: str) -> None:
    """The mailbox leaves by the first egress, and by the next ones only when what is before failed technically."""
    for position, egress in enumerate(egresses, start=1):
        if not fleet.add_route(conn, mailbox=mailbox, egress=egress, position=position):
            raise Refused(
                f"{mailbox} cannot leave by {egress}: unknown, another tenant's, or its route already"
            )
    details = {"egresses": list(egresses)}
    audit.append(conn, actor=actor, act="routes added", subject=f"mailbox {mailbox}", details=details)


def set_limits(
    conn: Connection, address: str, *, daily: int | None, hourly: int | None, actor: str
) -> Limits:
    """The mailbox has these limits from the next claim on; what is not given stays."""
    was = fleet.limits(conn, address)
    if was is None:
        raise Refused(f"there is no mailbox {address}: `mailfleet mailbox list` shows those there are")
    new = Limits(was.daily if daily is None else daily, was.hourly if hourly is None else hourly)
    fleet.set_limits(conn, address, new)
    details = {"daily": [was.daily, new.daily], "hourly": [was.hourly, new.hourly]}
    audit.append(conn, actor=actor, act="limits set", subject=f"mailbox {address}", details=details)
    return new
