"""The story of a person is whole, in order, over all tenants, and says why."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from db import clock
from db.engine import transaction
from mailfleet.acts import suppress
from mailfleet.acts.explain import explain, tell
from mailfleet.acts.suppress import Wish
from tests.conftest import Ledger
from tests.house.given import KEYS
from tests.house.rows import fill, hashed, lead_address


def test_a_story_is_told_in_order_with_its_reasons(ledger: Ledger) -> None:
    with transaction(ledger.engine()) as conn:
        fill(conn, "acme")
    _, lines = tell(ledger.engine(), KEYS, " OLGA+fair@acme-customer.example ")
    told = [f"{line.about} {line.what}".strip() for line in lines]
    order = [
        "taken in as a lead of tools from people.csv",
        "not taken in: duplicate (people.csv, line 3)",
        "spring enrolled, writes from anna@acme.example",
        "spring/hello planned",
        "its campaign was stopped by breaker: too many bounces, decided on hard 5, final 60",
        "spring/hello hold (gate): planned → held",
        "the stop of its campaign ended",
        "spring/hello try 1 by acme-own: accepted «250 2.0.0 queued»",
        "spring/hello accept (attempt): sending → submitted «250 2.0.0 queued»",
        "the person is suppressed: unsubscribe (one click, by the recipient)",
        "spring/hello now submitted",
    ]
    places = [next(place for place, line in enumerate(told) if line.startswith(start)) for start in order]
    assert sorted(places) == sorted(set(places))
    assert len(told) == len(order)
    assert [told[place] for place in places] == told


@pytest.mark.parametrize(("attempt", "says"), [(0, "planned for 2027-03-01 09:00 UTC"), (1, "planned")])
def test_a_message_is_planned_for_a_time_until_it_was_tried(ledger: Ledger, attempt: int, says: str) -> None:
    with transaction(ledger.engine()) as conn:
        fill(conn, "acme")
        conn.execute(
            text("UPDATE mailfleet.messages SET state = 'planned', attempt = :attempt"), {"attempt": attempt}
        )
    _, lines = tell(ledger.engine(), KEYS, lead_address("acme"))
    assert [line.what for line in lines if line.what.startswith("planned")] == [says]


@pytest.mark.parametrize(("tenant", "consent", "says"), [
    ("acme", " by phone, 3 March ", "unsubscribe lifted by olga; new consent: by phone, 3 March"),
    (None, None, "operator lifted by olga for every tenant"),
])  # fmt: skip
def test_a_lifted_suppression_is_told_with_who_lifted_it_and_the_new_consent(
    ledger: Ledger, tenant: str | None, consent: str | None, says: str
) -> None:
    address = lead_address("acme")
    with transaction(ledger.engine()) as conn:
        acme = fill(conn, "acme")
        suppress.add(conn, KEYS, Wish(address, "operator"), actor="ivan")
        before = clock.now(conn)
        suppress.remove(conn, KEYS, address, tenant=tenant, new_consent=consent, actor="olga")
    _, lines = tell(ledger.engine(), KEYS, address)
    told = [line for line in lines if "lifted" in line.what]
    assert [(line.tenant, line.what) for line in told] == [(tenant or "", f"suppression for {says}")]
    assert [line for line in told if line.at and line.at >= before] == told
    _, theirs = tell(ledger.engine("tenant"), KEYS, address, tenant=acme.tenant_id)
    assert not [line for line in theirs if "lifted" in line.what]


def test_the_lifting_of_a_domain_is_told_of_everybody_in_it(ledger: Ledger) -> None:
    address = lead_address("acme")
    with transaction(ledger.engine()) as conn:
        fill(conn, "acme")
        suppress.add(conn, KEYS, Wish("@acme-customer.example", "operator"), actor="ivan")
        suppress.remove(conn, KEYS, "@acme-customer.example", tenant=None, new_consent=None, actor="olga")
    _, lines = tell(ledger.engine(), KEYS, address)
    assert "suppression for operator lifted by olga for every tenant" in [line.what for line in lines]


def test_the_json_has_the_documented_shape(ledger: Ledger) -> None:
    with transaction(ledger.engine()) as conn:
        fill(conn, "acme")
        fill(conn, "bolt")
    addresses = [lead_address("bolt"), "nobody@nowhere.example", "not an address", lead_address("acme")]
    shapes = [story.as_json() for story in explain(ledger.engine(), KEYS, addresses)]
    assert [shape["address"] for shape in shapes] == addresses
    assert [[tenant["tenant"] for tenant in shape["tenants"]] for shape in shapes] == [
        ["bolt"],
        [],
        [],
        ["acme"],
    ]
    (tenant,) = shapes[0]["tenants"]
    assert set(tenant) == {"tenant", "lead", "refused", "messages"}
    assert tenant["lead"]["direction"] == "tools"
    assert tenant["refused"] == [{"reason": "duplicate", "file": "people.csv", "line": 3}]
    assert tenant["messages"] == [
        {"campaign": "spring", "step": "hello", "state": "submitted", "reason": None}
    ]


def test_a_tenants_session_tells_its_own_part_only(ledger: Ledger) -> None:
    with transaction(ledger.engine()) as conn:
        acme = fill(conn, "acme")
        fill(conn, "bolt")
        conn.execute(
            text("UPDATE mailfleet.leads SET person_hash = :hash, address_hash = :hash"),
            {"hash": hashed("olga@x.example")},
        )
        conn.execute(
            text("UPDATE mailfleet.enrolments SET person_hash = :hash"), {"hash": hashed("olga@x.example")}
        )
    (both,) = explain(ledger.engine(), KEYS, ["olga@x.example"])
    assert [tenant.tenant for tenant in both.tenants] == ["acme", "bolt"]
    for engine in (ledger.engine("tenant"), ledger.engine("control")):
        story, lines = tell(engine, KEYS, "olga@x.example", tenant=acme.tenant_id)
        assert [tenant.tenant for tenant in story.tenants] == ["acme"]
        assert {line.tenant for line in lines} == {"acme"}


def test_messages_are_told_when_the_lead_is_erased(ledger: Ledger) -> None:
    with transaction(ledger.engine()) as conn:
        fill(conn, "acme")
        conn.execute(text("DELETE FROM mailfleet.leads"))
    (story,) = explain(ledger.engine(), KEYS, [lead_address("acme")])
    assert story.tenants[0].lead is None
    assert [message.state for message in story.tenants[0].messages] == ["submitted"]


def test_a_refused_text_that_is_no_address_is_found_again(ledger: Ledger) -> None:
    with transaction(ledger.engine()) as conn:
        fill(conn, "acme")
        conn.execute(
            text("UPDATE mailfleet.refused_rows SET reason = 'bad_syntax', address_hash = :hash"),
            {"hash": hashed("olga@@x")},
        )
    (story,) = explain(ledger.engine(), KEYS, ["Olga@@x"])
    assert [row.reason for row in story.tenants[0].refused] == ["bad_syntax"]


def test_a_thousand_addresses_are_asked_in_a_few_statements(ledger: Ledger) -> None:
    with transaction(ledger.engine()) as conn:
        fill(conn, "acme")
    addresses = [f"person-{number}@somewhere.example" for number in range(1200)] + [lead_address("acme")]
    stories = list(explain(ledger.engine(), KEYS, addresses))
    assert [story.address for story in stories] == addresses
    assert sum(bool(story.tenants) for story in stories) == 1
