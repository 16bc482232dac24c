from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from db.engine import transaction
from db.migrate import Roles
from mailfleet.acts.fleet_file import read_fleet
from mailfleet.acts.lead_files import frames, open_leads
from mailfleet.acts.open_wave import open_wave
from mailfleet.acts.plan_campaign import plan
from mailfleet.acts.seeds import seed_campaigns, seed_fleet
from mailfleet.acts.take_leads import Intake, take_leads
from tests.conftest import Ledger
from tests.intake.given import EXAMPLES, keys

TENANTS = {
    "fair-2026.csv": "northwind",
    "old-list.csv": "vektor",
    "vebinar.csv": "vektor",
    "partners.txt": "atlas",
}
REASON_OF = {"nobasis": "no_basis", "abroad": "region", "nowhere": "no_mx", "nullmx": "null_mx", "throwaway": "disposable",
             "control": "control_characters"}  # fmt: skip


class Demo:
    def __init__(self, ledger: Ledger, server: str) -> None:
        self.engine = ledger.engine()
        self.fleet = read_fleet(EXAMPLES / "fleet.yaml")
        prefix = ledger.roles.name("control").removesuffix("_control")
        seed_fleet(
            self.engine,
            keys(),
            Roles(prefix),
            self.fleet.on({egress.name: 2525 for egress in self.fleet.egresses}),
        )
        seed_campaigns(self.engine, EXAMPLES / "campaigns")
        self.taken = {file: self._take(file, tenant, server) for file, tenant in TENANTS.items()}

    def _take(self, file: str, tenant: str, server: str) -> Intake:
        return take_leads(
            self.engine, keys(), file=EXAMPLES / "leads" / file, tenant=tenant, direction=None, actor="anna", servers=(server,),
            regions=frozenset(self.fleet.data_regions), well_known=frozenset(self.fleet.well_known_domains),
        )  # fmt: skip

    def rows(self, statement: str) -> list:
        with transaction(self.engine) as conn:
            return list(conn.execute(text(statement)))


@pytest.fixture
def demo(demo_ledger: Ledger, server: str) -> Iterator[Demo]:
    with transaction(demo_ledger.engine()) as conn:
        conn.execute(
            text(
                "UPDATE mailfleet.clock SET business_at = '2027-03-01 05:00+00', wall_at = clock_timestamp()"
            )
        )
    made = Demo(demo_ledger, server)
    yield made
    made.engine.dispose()


@pytest.mark.slow
def test_the_examples_are_taken_in_planned_and_opened_as_their_names_say(demo: Demo) -> None:
    refused = sum((Counter(taken.refused) for taken in demo.taken.values()), Counter())
    flagged = sum((Counter(taken.flagged) for taken in demo.taken.values()), Counter())
    assert set(refused) >= {*REASON_OF.values(), "no_address", "bad_syntax", "duplicate"}
    assert set(flagged) == {"role", "typo", "dns_unknown"}
    assert all(taken.rows == taken.accepted + sum(taken.refused.values()) for taken in demo.taken.values())
    planned = plan(demo.engine, keys())
    assert planned.planned == planned.enrolled == demo.rows("SELECT count(*) FROM mailfleet.leads")[0][0]
    with transaction(demo.engine) as conn:
        conn.execute(
            text(
                "UPDATE mailfleet.clock SET business_at = '2027-03-02 02:00+00', wall_at = clock_timestamp()"
            )
        )
    assert sum(open_wave(demo.engine).nodes.values()) == planned.planned


@pytest.mark.slow
def test_every_row_is_refused_for_what_its_name_says(demo: Demo) -> None:
    reasons = {
        (file, line): reason
        for file, line, reason in demo.rows("""
        SELECT file_name, line, reason FROM mailfleet.refused_rows JOIN mailfleet.imports USING (tenant_id, import_id)""")
    }
    for file in TENANTS:
        for frame in frames(open_leads(EXAMPLES / "leads" / file)):
            for line, written in frame["address"].items():
                named = re.search(rf"[._]({'|'.join(REASON_OF)})@", written.lower())
                reason = reasons.get((file, line))
                if named and reason != "duplicate":
                    assert reason == REASON_OF[named[1]], (file, line, written)
                elif not named:
                    assert reason in (None, "duplicate", "bad_syntax", "no_address"), (file, line, written)
                if reason == "bad_syntax":
                    assert "broken" in written, (file, line, written)
