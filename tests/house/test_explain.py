"""The story of a person is whole, in order, over all tenants, and says why."""

from __future__ import annotations

from sqlalchemy import text

from db.engine import transaction
from mailfleet.acts.explain import explain, tell
from tests.conftest import Ledger
from tests.house.given import KEYS
from tests.house.rows import fill, hashed, lead_address


def test_a_story_is_told_in_order_with_its_reasons(ledger: Ledger) -> None:
    with transaction(ledger.engine()) as conn:
        fill(conn, "acme")
    _, lines = tell(ledger.engine(), KEYS, " OLGA+fair@acme-customer.example ")
    told = [f"{line.about} {line.what}".strip() for line in lines]
    order = [
        "not taken in: duplicate (people.csv, line 3)",
        "taken in as a lead of tools from people.csv",
        "spring enrolled, writes from anna@acme.example",
        "spring/hello planned for 2027-03-01 09:00 UTC",
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
