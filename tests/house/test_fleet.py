"""Tenants and their fleet are added whole, with their keys, and every act stands in the audit."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from db import audit, fleet, tenants
from db.engine import transaction
from mailfleet.acts.fleet import add_mailbox, add_routes, set_limits
from mailfleet.acts.fleet_words import NewMailbox, NewTenant, accepted
from mailfleet.acts.keys import Keys
from mailfleet.acts.new_fleet import add_fleet, read_new_fleet
from mailfleet.acts.refused import Refused
from mailfleet.acts.tenants import add_tenant, dns_records
from mailfleet.settings.keys import Keyring
from tests.conftest import Ledger
from tests.house.given import KEYS, small_fleet

FLEET = """
nodes: [{name: node-1, host: node-1.fleet.example}]
egresses:
  - {name: one, node: node-1, kind: postfix, host: 127.0.0.1, port: 2525, helo: o.example, daily_limit: 9}
  - {name: two, node: node-1, kind: submission, host: 127.0.0.1, port: 2526, helo: o.example, daily_limit: 9, tenant: acme}
tenants:
  - slug: acme
    name: Acme
    directions:
      - {slug: tools, name: Tools, purpose: news, egresses: [one, two], daily_limit: 5, hourly_limit: 3,
         domain: {name: acme.example, bounce: b.acme.example, tracking: go.acme.example}, mailboxes: [anna.berg, bo]}
"""


def test_a_fleet_file_is_added_whole_and_audited(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    new = read_new_fleet(tmp_path / "fleet.yaml")
    with transaction(ledger.engine()) as conn:
        add_fleet(conn, KEYS, ledger.roles, new, actor="anna")
        shown = fleet.mailboxes(conn, tenant="acme", now=tenants.find(conn, "acme").created_at)  # type: ignore[union-attr]
        assert [(b.address, b.display_name, b.routes) for b in shown] == [
            ("anna.berg@acme.example", "Anna Berg", ["one", "two"]),
            ("bo@acme.example", "Bo", ["two", "one"]),
        ]
        assert audit.verify(conn) is None
        assert {act.act for act in audit.acts(conn, subject=None, limit=99)} == {
            "tenant added", "node added", "egress added", "direction added", "domain added", "mailbox added", "routes added",
        }  # fmt: skip
    with pytest.raises(Refused, match="tenant acme is there already"), transaction(ledger.engine()) as conn:
        add_fleet(conn, KEYS, ledger.roles, new, actor="anna")


@pytest.mark.parametrize(("harm", "said"), [
    ("slug: acme", "tenants.0.slug: String should match"),
    ("port: 2525", "egresses.0.port: Input should be less than"),
    ("name: Tools", "tenants.0.directions.0.name: Field required"),
    ("tenants:", "line "),
])  # fmt: skip
def test_a_wrong_fleet_file_is_refused_in_one_line(tmp_path: Path, harm: str, said: str) -> None:
    wrong = {
        "slug: acme": "slug: Ac me",
        "port: 2525": "port: 99999",
        "name: Tools": "nome: Tools",
        "tenants:": "tenants: {",
    }
    (tmp_path / "fleet.yaml").write_text(FLEET.replace(harm, wrong[harm], 1))
    with pytest.raises(Refused) as refused:
        read_new_fleet(tmp_path / "fleet.yaml")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "fleet.yaml" in str(refused.value)


def test_a_domains_record_holds_its_public_key(ledger: Ledger) -> None:
    with transaction(ledger.engine()) as conn:
        small_fleet(conn, "acme")
        ((name, text),) = dns_records(conn, KEYS, "acme")
    assert name == "mf1._domainkey.acme.example"
    public = load_der_public_key(base64.b64decode(text.removeprefix("v=DKIM1; k=rsa; p=")))
    assert isinstance(public, RSAPublicKey)
    assert public.key_size == 2048


def test_another_installations_key_opens_nothing(ledger: Ledger) -> None:
    others = Keys(Keyring({1: b"x" * 32}), KEYS.tokens, KEYS.hashes)
    with transaction(ledger.engine()) as conn:
        small_fleet(conn, "acme")
        with pytest.raises(Refused, match="ENCRYPTION_KEYS does not open this ledger"):
            dns_records(conn, others, "acme")


def test_a_mailbox_needs_a_domain_and_an_egress_of_its_own_tenant(ledger: Ledger) -> None:
    with transaction(ledger.engine()) as conn:
        small_fleet(conn, "acme")
        small_fleet(conn, "bolt")
        stray = NewMailbox(address="eve@acme.example", display_name="Eve", daily_limit=1, hourly_limit=1)
        with pytest.raises(Refused, match="no sending domain of bolt"):
            add_mailbox(conn, "bolt", "tools", stray, actor="anna")
        with pytest.raises(Refused, match="cannot leave by acme-own"):
            add_routes(conn, "anna@bolt.example", ["acme-own"], actor="anna")


def test_a_limit_that_is_not_given_stays(ledger: Ledger) -> None:
    with transaction(ledger.engine()) as conn:
        small_fleet(conn, "acme")
        assert set_limits(conn, "anna@acme.example", daily=7, hourly=None, actor="anna") == fleet.Limits(
            7, 20
        )
        (act,) = audit.acts(conn, subject="mailbox anna@acme.example", limit=1)
        assert act.details == {"daily": [50, 7], "hourly": [20, 20]}
        with pytest.raises(Refused, match="there is no mailbox"):
            set_limits(conn, "nobody@acme.example", daily=7, hourly=None, actor="anna")


def test_a_tenant_is_added_once(ledger: Ledger) -> None:
    new = accepted(NewTenant, {"slug": "acme", "name": "Acme"}, "tenant")
    with transaction(ledger.engine()) as conn:
        add_tenant(conn, KEYS, new, actor="anna")
        with pytest.raises(Refused, match="there already"):
            add_tenant(conn, KEYS, new, actor="anna")
