from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from db import audit
from db.engine import transaction
from mailfleet.acts.campaigns import approve, create
from mailfleet.acts.refused import Refused
from tests.intake.given import FILE, Desk


@pytest.fixture
def made(desk: Desk):
    def make(content: str = FILE) -> Path:
        file = desk.folder / "campaign.yaml"
        file.write_text(content)
        return create(desk.engine, file, "anna")

    return make


def test_a_campaign_is_a_draft_until_it_is_approved(desk: Desk, made) -> None:
    assert (made().name, made().version, made().new) == ("acme/spring", 1, False)
    assert approve(desk.engine, "acme/spring", "anna").version == 1
    with transaction(desk.engine) as conn:
        assert conn.execute(text("SELECT approved FROM mailfleet.campaigns")).scalar() == 1
        assert audit.verify(conn) is None
        acts = [act.act for act in audit.acts(conn, subject="campaign acme/spring", limit=9)]
    assert acts == ["campaign approved", "campaign created"]


def test_a_changed_file_is_a_new_version_and_the_approved_one_stays_until_then(desk: Desk, made) -> None:
    made()
    approve(desk.engine, "acme/spring", "anna")
    assert made(FILE.replace("One more", "Another")).version == 2
    with transaction(desk.engine) as conn:
        assert conn.execute(text("SELECT approved FROM mailfleet.campaigns")).scalar() == 1
    approve(desk.engine, "acme/spring", "anna")
    with pytest.raises(Refused, match="keep them first"):
        made(FILE.replace("key: first", "key: other"))


@pytest.mark.parametrize(
    ("column", "problem"), [("legal_name", "no legal name"), ("postal_address", "no postal address")]
)
def test_without_name_and_address_of_the_tenant_no_campaign_starts(
    desk: Desk, made, column: str, problem: str
) -> None:
    made()
    with transaction(desk.engine) as conn:
        conn.execute(text(f"UPDATE mailfleet.tenants SET {column} = ' '"))
    with pytest.raises(Refused, match=problem):
        approve(desk.engine, "acme/spring", "anna")


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (("Hello {{ given_name }}", "Hello {{ first_name }}"), "step first: text: unknown name: first_name"),
        (("For {{ company }}", "For {{ company"), "step first: subject: line 1"),
        (("For {{ company }}", "For {{ '\\\\n' }}"), "step first: subject: it has a line end"),
        (("<p>Hello</p>", "{{ 1 // (company | length) }}"), "step first: html"),
        (("2099-03-03", "2020-03-03"), "ended at 2020-03-03"),
    ],
)
def test_what_cannot_be_written_or_has_ended_is_not_approved(
    desk: Desk, made, wrong: tuple[str, str], problem: str
) -> None:
    made(FILE.replace(*wrong))
    with pytest.raises(Refused, match=problem):
        approve(desk.engine, "acme/spring", "anna")


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (("tenant: acme", "tenant: nobody"), "no tenant nobody"),
        (("direction: tools", "direction: golf"), "no direction golf"),
        (('"09:00"', "10:00"), "in quotes"),
        (('"09:00"', '"19:00"'), "start before it ends"),
        (("key: second", "key: first"), "same key"),
        (("daily_limit: 600", "daily_limit: 0"), "daily_limit"),
        (("+00:00", ""), "ends_at"),
        (("slug: spring", "slug: spring\nsplug: 1"), "splug"),
        (("slug: spring", "slug: [spring"), "line 4: is not YAML"),
        (('subject: "For {{ company }}"', 'subject: ""'), "needs a subject"),
        (("For {{ company }}", "For\\r\\nBcc: {{ company }}"), "steps.1.subject: it has a line end"),
        (('"<p>Hello</p>"', '"<p>\\0</p>"'), "steps.1.html: it has a character"),
        (("tenant: acme", "[" * 100_000), "nested too deeply"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(made, wrong: tuple[str, str], problem: str) -> None:
    with pytest.raises(Refused, match=problem) as refused:
        made(FILE.replace(*wrong))
    assert "\n" not in str(refused.value)


def test_an_unknown_campaign_is_named(desk: Desk) -> None:
    for name in ("acme/none", "nobody/none", "acme"):
        with pytest.raises(Refused, match="there is no"):
            approve(desk.engine, name, "anna")
    with pytest.raises(Refused, match=r"gone\.yaml: No such file"):
        create(desk.engine, desk.folder / "gone.yaml", "anna")
