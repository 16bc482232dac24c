"""The example tables and lead files hold what they promise: every kind of dirt, and no surprise."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import disposable_email_domains
import pytest

from sandbox import tables

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = {
    "fair-2026.csv": ("northwind", "utf-8", ",", {"software", "training"}),
    "vebinar.csv": ("vektor", "cp1251", ";", {"kursy", "otchety"}),
    "partners.txt": ("atlas", "utf-16", "\t", {"freight", "storage"}),
    "old-list.csv": ("vektor", "utf-8-sig", ";", {"otchety"}),
}
STATES = {"submitted", "delivered", "bounced", "refused", "dropped", "held", "expired", "unknown", "none"}
ADDRESS, GIVEN, FAMILY, COMPANY, COUNTRY, PHONE, SOURCE, SINCE, DIRECTION, LANGUAGE, ZONE = range(11)


@dataclass(frozen=True)
class Row:
    """One row of a lead file."""

    tenant: str
    file: str
    cells: tuple[str, ...]

    @property
    def address(self) -> str:
        return self.cells[ADDRESS].strip().lower()

    @property
    def person(self) -> str:
        local, _, domain = self.address.rpartition("@")
        return f"{local.split('+')[0]}@{domain}"

    @property
    def word(self) -> str:
        """What the local part ends in, and for a stale list's person an underscore before it."""
        found = re.search(r"[._](\w*?[a-z])@", self.person.replace("_", "."))
        return found[1] if found else ""


@pytest.fixture(scope="module")
def leads() -> list[Row]:
    found = []
    for name, (tenant, encoding, delimiter, _) in FILES.items():
        text = (EXAMPLES / "leads" / name).read_bytes().decode(encoding)
        head, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        assert len(head) == 11, name
        assert {len(cells) for cells in rows} == {11}, name
        found += [Row(tenant, name, tuple(cells)) for cells in rows]
    return found


@pytest.fixture(scope="module")
def world() -> tables.World:
    return tables.read(EXAMPLES / "receivers.csv", EXAMPLES / "behaviours.csv")


def patterns() -> list[dict[str, str]]:
    with (EXAMPLES / "behaviours.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def behaviour(address: str) -> dict[str, str]:
    local = (address.rpartition("@")[0] or address).lower().split("+")[0]
    return next(row for row in patterns() if fnmatchcase(local, row["pattern"]))


def test_the_tables_are_read_and_name_only_end_states(world: tables.World) -> None:
    assert len(world.patterns) == len(patterns())
    for row in patterns():
        assert row["final_states"], row
        assert set(row["final_states"].split()) <= STATES, row
    assert patterns()[-1]["pattern"] == "*"
    assert all(name.endswith(".example") and name.isascii() for name in world.domains)
    assert {domain.receiver for domain in world.domains.values()} == {
        "gmail", "outlook", "m365", "yahoo", "icloud", "mailru", "yandex", "other",
    }  # fmt: skip
    assert {domain.answer for domain in world.domains.values()} == tables.ANSWERS
    assert any(name.startswith("xn--") for name in world.domains)


def test_every_behaviour_of_the_sandbox_is_met_by_somebody(world: tables.World, leads: list[Row]) -> None:
    met = {world.behaviour(row.address).name for row in leads}
    assert met == {does.name for _, does in world.patterns}


def test_there_are_two_thousand_rows_in_three_encodings_and_their_directions(leads: list[Row]) -> None:
    assert len(leads) >= 2000
    for name, (_, _, _, directions) in FILES.items():
        assert {row.cells[DIRECTION] for row in leads if row.file == name} == directions
    assert (EXAMPLES / "leads/partners.txt").read_bytes()[:2] == b"\xff\xfe"
    assert (EXAMPLES / "leads/old-list.csv").read_bytes()[:3] == b"\xef\xbb\xbf"


def test_about_fifteen_hundred_people_can_be_written_to(leads: list[Row]) -> None:
    people = {(row.tenant, row.person) for row in leads if behaviour(row.address)["final_states"] != "none"}
    assert 1450 <= len({each for each in people if "@" in each[1] and each[1][0] != "@"}) <= 1650


@pytest.mark.parametrize(
    ("word", "true"),
    [
        ("nobasis", lambda row, _: not row.cells[SOURCE]),
        ("abroad", lambda row, _: row.cells[COUNTRY] == "CN"),
        ("control", lambda row, _: any(re.search(r"[\x00-\x1f\x7f]", cell) for cell in row.cells)),
        ("throwaway", lambda row, _: row.person.split("@")[1] in disposable_email_domains.blocklist),
        ("nullmx", lambda row, world: world.domains[row.person.split("@")[1]].answer == "null_mx"),
        (
            "nowhere",
            lambda row, world: world.domains[row.person.split("@")[1]].answer in ("no_mx", "nxdomain"),
        ),
        (
            "dnsless",
            lambda row, world: world.domains[row.person.split("@")[1]].answer in ("servfail", "timeout"),
        ),
    ],
)
def test_a_word_in_an_address_and_its_defect_go_together(
    leads: list[Row], world: tables.World, word: str, true: object
) -> None:
    assert callable(true)
    proper = [
        row for row in leads if "@" in row.address and "broken" not in row.address and row.person[0] != "@"
    ]
    with_word = [row for row in proper if row.word == word]
    assert with_word
    for row in proper:
        known = row.word == "throwaway" or tables.domain_name(row.address) in world.domains
        assert known, row
        if word in ("nullmx", "nowhere", "dnsless") and row.word == "throwaway":
            continue
        plain = Row(row.tenant, row.file, (row.cells[0].replace("\xa0", ""), *row.cells[1:]))
        domain = tables.domain_name(plain.address)
        assert bool(true(Row(row.tenant, row.file, (f"{plain.word}@{domain}", *row.cells[1:])), world)) == (
            row.word == word
        )


def test_suppressed_people_are_named_in_the_suppressions(leads: list[Row]) -> None:
    with (EXAMPLES / "suppressions.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["kind", "value", "tenant", "reason", "until"]
    reasons = {"unsubscribe", "complaint", "erasure", "legal", "hard", "inactive", "objection", "operator"}
    assert {row["reason"] for row in rows} <= reasons
    assert not any(
        row["until"] for row in rows if row["reason"] in {"unsubscribe", "complaint", "erasure", "legal"}
    )
    domains = {row["value"] for row in rows if row["kind"] == "domain"}
    addresses = {
        (row["tenant"], Row("", "", (row["value"],)).person)
        for row in rows
        if row["kind"] == "address" and (not row["until"] or row["until"] > "2026-12")
    }
    for row in leads:
        held = (
            row.person.split("@")[-1] in domains or {("", row.person), (row.tenant, row.person)} & addresses
        )
        assert bool(held) == (row.word == "nomore"), row


def test_only_the_stale_list_bounces_enough_to_stop_its_campaign(leads: list[Row]) -> None:
    sent: dict[str, set[str]] = defaultdict(set)
    hard: dict[str, set[str]] = defaultdict(set)
    for row in leads:
        does = behaviour(row.address)
        if does["final_states"] == "none" or "@" not in row.address:
            continue
        for key in (row.file, f"{row.tenant}/{row.cells[DIRECTION]}"):
            sent[key].add(row.person)
            if does["behaviour"] in ("unknown-user", "late-bounce", "drop-data-then-bounce"):
                hard[key].add(row.person)
    assert len([row for row in leads if row.file == "old-list.csv"]) >= 250
    assert 0.12 < len(hard["old-list.csv"]) / len(sent["old-list.csv"]) < 0.16
    assert len(hard["vektor/otchety"]) / len(sent["vektor/otchety"]) > 0.10
    for key in sent.keys() - {"old-list.csv", "vektor/otchety"}:
        assert len(hard[key]) < 5, key  # fewer than any breaker looks at


def test_complaints_are_too_few_to_stop_a_campaign_and_some_reach_a_second_tenant(leads: list[Row]) -> None:
    angry = {(row.tenant, row.cells[DIRECTION], row.person) for row in leads if row.word == "angry"}
    per_direction = Counter(direction for _, direction, _ in angry)
    assert max(per_direction.values()) == 1  # two in one mailbox would rest it, and that would be chance
    tenants = defaultdict(set)
    for row in leads:
        if (
            behaviour(row.address)["final_states"] != "none"
            and row.address.count("@") == 1
            and row.person[0] != "@"
        ):
            tenants[row.person].add(row.tenant)
    shared = {person for person, names in tenants.items() if len(names) > 1}
    assert 12 <= len(shared) <= 20
    assert len({person for _, _, person in angry if person in shared}) >= 2


def test_the_files_are_as_dirty_as_life(leads: list[Row]) -> None:
    raw = [row.cells[ADDRESS] for row in leads]
    assert sum("\xa0" in address for address in raw) >= 5
    assert sum(address != address.strip(" ") for address in raw) >= 20
    assert sum(address.strip() != address.strip().lower() for address in raw) >= 20
    assert sum("+" in address for address in raw) >= 20
    assert sum(not address.isascii() and "@" in address for address in raw) >= 5
    assert sum(not address.strip() for address in raw) >= 10
    cells = [cell for row in leads for cell in row.cells[GIVEN : COMPANY + 1]]
    assert {cell[0] for cell in cells if cell[:1] in set("=+-@")} == set("=+-@")
    assert any("\r\n" in cell for cell in cells)
    people = Counter((row.tenant, row.person.replace("\xa0", "")) for row in leads if "@" in row.address)
    assert sum(times - 1 for times in people.values()) >= 150
    assert {row.address.split("@")[0] for row in leads} >= {"info", "sales", "office"}
