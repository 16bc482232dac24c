from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from db.engine import plain_engine, transaction
from mailfleet.acts.refused import Refused
from mailfleet.acts.take_leads import FileRefused, Intake
from mailfleet.mail.ids import keyed_hash
from mailfleet.policy.address import person as somebody
from tests.conftest import Ledger
from tests.intake.given import HEADER, NEW_HASHES, Desk, keys, person

GOOD = "{},Ann,Lee,Quill,DE,,fair form,2026-01-20,\n"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",Ann,Lee,Quill,DE,,fair form,2026-01-20,\n", "no_address"),
        ("\u00a0 ,Ann,Lee,Quill,DE,,fair form,2026-01-20,\n", "no_address"),
        (GOOD.format("ann.example"), "bad_syntax"),
        (GOOD.format("ann@quillworks"), "bad_syntax"),
        (GOOD.format("ann@quillworks.example").replace("Quill,", "Quill,and,more,"), "bad_syntax"),
        (GOOD.format("ann@quillworks.example").replace("Ann", "A" * 301), "bad_syntax"),
        (GOOD.format("ann@mailinator.com"), "disposable"),
        (GOOD.format("ann@closed-shop.example"), "no_mx"),
        (GOOD.format("ann@parked-page.example"), "no_mx"),
        (GOOD.format("ann@no-mail-here.example"), "null_mx"),
        (GOOD.format("ann@quillworks.example").replace("DE", "CN"), "region"),
        (
            GOOD.format("ann@quillworks.example").replace("DE", ""),
            "region",
        ),  # nobody knows where: the strictest
        (GOOD.format("ann@quillworks.example").replace(",DE,,", ",DE,+86 10 1234567,"), "region"),
        (GOOD.format("ann@quillworks.example").replace("fair form", ""), "no_basis"),
        (GOOD.format("ann@quillworks.example").replace("2026-01-20", ""), "no_basis"),
        (GOOD.format("ann@quillworks.example").replace("2026-01-20", "2999-01-20"), "no_basis"),
        (GOOD.format("ann@quillworks.example").replace("2026-01-20", "03/04/2026"), "no_basis"),
        (
            GOOD.format("ann@quillworks.example").replace("Ann", '"Ann\r\nBcc: all@rival.example"'),
            "control_characters",
        ),
        (GOOD.format("ann@quillworks.example").replace("Quill", "Quill\x1b[31m"), "control_characters"),
        (GOOD.format("ann@quillworks.example").replace("fair form", "fair\u2028form"), "control_characters"),
        (GOOD.format("ann@quillworks.example").replace("fair form", "fair\u061cform"), "control_characters"),
    ],
)
def test_a_row_is_refused_with_its_reason_and_counted(desk: Desk, row: str, reason: str) -> None:
    taken = desk.take(HEADER + person(1) + row)
    assert (taken.rows, taken.accepted, taken.refused) == (2, 1, {reason: 1})


def test_of_a_refused_row_only_line_reason_and_a_keyed_hash_are_kept(desk: Desk) -> None:
    desk.take(HEADER + person(1) + GOOD.format("Nobody@closed-shop.example").replace("Ann", "Zacharias"))
    with transaction(desk.engine) as conn:
        rows = conn.execute(
            text("SELECT line, reason, octet_length(address_hash) FROM mailfleet.refused_rows")
        ).all()
        everything = "".join(
            str(conn.execute(text(f"SELECT string_agg(t::text, '') FROM mailfleet.{table} t")).scalar())
            for table in ("imports", "refused_rows", "leads", "audit")
        )
    assert rows == [(3, "no_mx", 16)]
    assert "Zacharias" not in everything
    assert "nobody" not in everything.lower()


def test_lines_are_those_of_the_file_where_the_record_starts(desk: Desk) -> None:
    two_lines = GOOD.format("ann@quillworks.example").replace("Quill", '"Quill\n\nWorks"')
    desk.take("\n" + HEADER + two_lines + "\n" + GOOD.format("wrong") + person(1) + GOOD.format("@wrong"))
    with transaction(desk.engine) as conn:
        assert conn.execute(text("SELECT line, reason FROM mailfleet.refused_rows ORDER BY 1")).all() == [
            (3, "control_characters"), (7, "bad_syntax"), (9, "bad_syntax")]  # fmt: skip


def test_one_person_stands_once_in_a_file_whatever_the_spelling(desk: Desk) -> None:
    same = (
        "ann@quillworks.example",
        " ANN@QuillWorks.Example ",
        "ann+news@quillworks.example",
        "a.nn@quillworks.example",
    )
    taken = desk.take(HEADER + "".join(map(GOOD.format, same)))
    assert (taken.accepted, taken.refused) == (2, {"duplicate": 2})  # dots are one person at Gmail only


def test_a_second_import_finds_the_same_leads(desk: Desk) -> None:
    content = HEADER + "".join(map(person, range(30)))
    desk.take(content)
    taken = desk.take(content + person(30), direction="kursy")
    assert (taken.rows, taken.accepted, taken.known, taken.refused) == (31, 31, 30, {})
    with transaction(desk.engine) as conn:
        assert conn.execute(
            text("SELECT count(*), count(DISTINCT person_hash) FROM mailfleet.leads")
        ).one() == (31, 31)


def test_one_file_taken_in_twice_at_once_makes_each_person_one_lead(desk: Desk) -> None:
    file = desk.folder / "leads.csv"
    file.write_text(HEADER + "".join(map(person, range(300))))
    taken: list[Intake] = []
    threads = [threading.Thread(target=lambda: taken.append(desk.take_file(file))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.known for one in taken) == [0, 300, 300]
    assert _leads(desk) == 300


def test_a_person_is_known_and_suppressed_also_after_the_hash_key_was_changed(desk: Desk) -> None:
    desk.take(HEADER + person(1))
    _suppress(desk, "person.2@quillworks.example")
    taken = desk.take(HEADER + person(1) + person(2) + person(3), with_keys=keys(NEW_HASHES))
    assert (taken.accepted, taken.known, taken.refused) == (2, 1, {"suppressed": 1})


def test_the_suppressed_are_refused_by_person_by_address_and_by_domain(desk: Desk) -> None:
    _suppress(desk, "person.1@quillworks.example")
    _suppress(desk, "person.3@quillworks.example", expires="2020-01-01")
    _suppress(desk, None, domain="rival-freight.example")
    rows = [
        person(1),
        person(2),
        person(3),
        GOOD.format("person.1+x@quillworks.example"),
        GOOD.format("a@rival-freight.example"),
    ]
    taken = desk.take(HEADER + "".join(rows))
    assert (taken.accepted, taken.refused) == (2, {"suppressed": 3})


def test_doubtful_addresses_are_accepted_and_flagged(desk: Desk) -> None:
    rows = [
        GOOD.format(a)
        for a in ("info@quillworks.example", "ann@broken-dns.example", "ben@silent-dns.example")
    ]
    taken = desk.take(HEADER + "".join(rows) + person(1))
    assert (taken.accepted, taken.refused, taken.flagged) == (4, {}, {"dns_unknown": 2, "role": 1})


def test_a_lead_carries_receiver_jurisdiction_and_evidence(desk: Desk) -> None:
    desk.take(
        HEADER
        + "Ivan@Алте-Мюле.example".replace("Алте-Мюле", "MÜLLER-BAU")
        + ",Иван,=1+1,,Германия,,анкета,20.01.2026,\n"
    )
    with transaction(desk.engine) as conn:
        lead = conn.execute(
            text("""
            SELECT address, domain, receiver, family_name, country, language, time_zone, basis, basis_source, basis_at::text
              FROM mailfleet.leads""")
        ).one()
    assert tuple(lead) == ("ivan@xn--mller-bau-q9a.example", "xn--mller-bau-q9a.example", "other", "=1+1", "DE", "de",
                           "Europe/Berlin", "consent", "анкета", "2026-01-20")  # fmt: skip


def test_rows_name_their_direction_by_slug_or_name_and_a_wrong_one_refuses_the_file(desk: Desk) -> None:
    rows = person(1).replace(",\n", ",tools\n") + person(2).replace(",\n", ",Курсы\n")
    assert desk.take(HEADER + rows, direction=None).accepted == 2
    for wrong, line in (
        (person(3), 2),
        (person(3).replace(",\n", ",tools\n") + person(4).replace(",\n", ",golf\n"), 3),
    ):
        with pytest.raises(FileRefused, match=f"line {line}: names"):
            desk.take(HEADER + wrong, direction=None)
    assert _leads(desk) == 2


def test_nothing_of_a_file_is_taken_in_when_its_last_line_is_bad(desk: Desk) -> None:
    with pytest.raises(FileRefused, match="line 25002"):
        desk.take(HEADER + "".join(map(person, range(25_000))) + '"ann@quillworks.example,Ann\n')
    with transaction(desk.engine) as conn:
        assert conn.execute(text("SELECT count(*) FROM mailfleet.imports")).scalar() == 0
    assert _leads(desk) == 0


def test_an_unknown_tenant_or_direction_is_named(desk: Desk) -> None:
    with pytest.raises(Refused, match="no direction golf"):
        desk.take(HEADER + person(1), direction="golf")
    with pytest.raises(Refused, match="no tenant nobody"):
        desk.take_file(desk.folder / "leads.csv", tenant="nobody")


def test_without_its_unique_key_a_person_becomes_two_leads(desk: Desk, demo_ledger: Ledger) -> None:
    """The harm that `leads` unique (tenant, person) prevents."""
    with plain_engine(demo_ledger.url("owner")).begin() as conn:
        conn.execute(text("ALTER TABLE mailfleet.leads DROP CONSTRAINT leads_tenant_id_person_hash_key"))
    desk.take(HEADER + person(1))
    desk.take(HEADER + person(1))
    assert _leads(desk) == 2


def _suppress(
    desk: Desk, address: str | None, *, domain: str | None = None, expires: str | None = None
) -> None:
    key = keys().hashes.current[1]
    hashed = keyed_hash(key, somebody(address)) if address else None
    with transaction(desk.engine) as conn:
        conn.execute(text("""
            INSERT INTO mailfleet.suppressions (kind, person_hash, hash_key_id, domain, reason, since, expires_at,
                                                evidence, actor)
            VALUES (:kind, :hash, :key, :domain, 'operator', now(), CAST(:expires AS timestamptz), 'test', 'anna')
        """), {"kind": "address" if address else "domain", "hash": hashed, "key": 1 if address else None,
               "domain": domain, "expires": expires})  # fmt: skip


def _leads(desk: Desk) -> int:
    with transaction(desk.engine) as conn:
        return int(conn.execute(text("SELECT count(*) FROM mailfleet.leads")).scalar_one())
