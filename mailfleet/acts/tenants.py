"""Tenants, directions and sending domains with their keys, in the caller's transaction and the audit."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from db import audit, clock, fleet, tenants
from db.engine import Connection
from db.tenants import Tenant, WrappedKey
from mailfleet.acts.fleet_words import NewDirection, NewDomain, NewTenant
from mailfleet.acts.keys import Keys
from mailfleet.acts.refused import Refused
from mailfleet.mail import seal
from mailfleet.mail.records import dkim_name, dkim_text

DKIM_BITS = 2048


def add_tenant(conn: Connection, keys: Keys, new: NewTenant, *, actor: str) -> int:
    """The tenant is there, with a data key of its own that only the installation's key opens."""
    key_id, outer = keys.seal.current
    data_key = os.urandom(32)
    sealed = seal.seal(outer, os.urandom(seal.NONCE), data_key, seal.about_data_key(new.slug))
    tenant_id = tenants.add(conn, new.model_dump(), WrappedKey(key_id, sealed), now=clock.now(conn))
    if tenant_id is None:
        raise Refused(f"tenant {new.slug} is there already: choose another slug")
    audit.append(
        conn, actor=actor, act="tenant added", subject=f"tenant {new.slug}", details=new.model_dump()
    )
    return tenant_id


def add_direction(conn: Connection, tenant: str, new: NewDirection, *, actor: str) -> int:
    """The direction is there."""
    found = known(conn, tenant)
    direction_id = tenants.add_direction(conn, found.tenant_id, **new.model_dump())
    if direction_id is None:
        raise Refused(f"{tenant} has a direction {new.slug} already: choose another slug")
    subject = f"direction {tenant}/{new.slug}"
    audit.append(conn, actor=actor, act="direction added", subject=subject, details=new.model_dump())
    return direction_id


def add_domain(conn: Connection, keys: Keys, tenant: str, new: NewDomain, *, actor: str) -> int:
    """The sending domain is there, with a new DKIM key; its record must be published before it sends."""
    found = known(conn, tenant)
    about = seal.about_dkim_key(tenant, new.name)
    sealed = seal.seal(data_key(conn, keys, found), os.urandom(seal.NONCE), _new_dkim_key(), about)
    domain_id = fleet.add_domain(conn, found.tenant_id, new.model_dump(), dkim_key=sealed)
    if domain_id is None:
        raise Refused(f"{new.name} or {new.bounce_domain} is a domain of ours already: choose another")
    audit.append(
        conn, actor=actor, act="domain added", subject=f"domain {new.name}", details=new.model_dump()
    )
    return domain_id


def dns_records(conn: Connection, keys: Keys, tenant: str) -> list[tuple[str, str]]:
    """Name and text of each DKIM record that the tenant's domains need in DNS."""
    found = known(conn, tenant)
    opened = data_key(conn, keys, found)
    return [
        (dkim_name(domain.dkim_selector, domain.name), dkim_text(_public(opened, tenant, domain)))
        for domain in fleet.domains(conn, found.tenant_id)
    ]


def known(conn: Connection, slug: str) -> Tenant:
    """The tenant of this slug. Raises Refused."""
    found = tenants.find(conn, slug)
    if found is None:
        raise Refused(f"there is no tenant {slug}: `mailfleet tenant list` shows those there are")
    return found


def data_key(conn: Connection, keys: Keys, tenant: Tenant) -> bytes:
    """The tenant's opened data key."""
    return open_data_key(keys, tenant.slug, tenants.wrapped_key(conn, tenant.tenant_id))


def open_data_key(keys: Keys, slug: str, wrapped: WrappedKey) -> bytes:
    """A data key, opened with the installation's key that wrapped it. Raises Refused."""
    outer = keys.seal.keys.get(wrapped.key_id)
    if outer is None:
        raise Refused(
            f"the data key of {slug} needs encryption key {wrapped.key_id}: add it to ENCRYPTION_KEYS"
        )
    try:
        return seal.unseal(outer, wrapped.sealed, seal.about_data_key(slug))
    except seal.Unsealable as problem:
        raise Refused(
            f"ENCRYPTION_KEYS does not open this ledger ({problem}): use the file it was made with"
        ) from None


def _new_dkim_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=DKIM_BITS)
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _public(opened: bytes, tenant: str, domain: fleet.Domain) -> bytes:
    private = seal.unseal(opened, domain.dkim_key, seal.about_dkim_key(tenant, domain.name))
    public = load_der_private_key(private, None).public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
