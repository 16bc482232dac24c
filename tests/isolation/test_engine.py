"""The engine refuses every database and role with which the policies would mean nothing."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from db import engine as engines
from db.engine import DatabaseRefused, open_engine, open_owner, plain_engine, transaction
from db.migrate import migrate
from tests.conftest import PASSWORD, Ledger
from tests.isolation.ask import owner


def on(ledger: Ledger, user: str, database: str | None = None) -> str:
    where = ledger.admin.rsplit("@", 1)[1].rsplit("/", 1)[0]
    return f"postgresql://{user}:{PASSWORD}@{where}/{database or ledger.name}"


def refusal(url: str) -> str:
    with pytest.raises(DatabaseRefused) as refused:
        open_engine(url)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_the_roles_that_migrate_made_are_let_in(ledger: Ledger) -> None:
    for group in ("control", "tenant", "web", "node-1"):
        ledger.engine(group).dispose()


def test_a_superuser_is_refused(ledger: Ledger) -> None:
    assert "policies would not bind it" in refusal(f"{ledger.admin.rsplit('/', 1)[0]}/{ledger.name}")


def test_the_owner_is_refused(ledger: Ledger) -> None:
    assert "policies would not bind it" in refusal(ledger.url("owner"))


@pytest.mark.parametrize(("what", "makes"), [
    ("a role that bypasses policies", ["ALTER ROLE {role} BYPASSRLS"]),
    ("a role that may act as the owner", ["GRANT {owner} TO {role}"]),
])  # fmt: skip
def test_also_refused_is(ledger: Ledger, what: str, makes: list[str]) -> None:
    role = f"odd_{ledger.name}"
    with plain_engine(ledger.admin).connect().execution_options(isolation_level="AUTOCOMMIT") as admin:
        admin.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
        admin.exec_driver_sql(f'GRANT "{ledger.roles.name("control")}" TO {role}')
        for make in makes:
            admin.exec_driver_sql(make.format(role=role, owner=f'"{ledger.roles.name("owner")}"'))
        try:
            assert "policies would not bind it" in refusal(on(ledger, role)), what
        finally:
            admin.exec_driver_sql(f"DROP ROLE {role}")


def test_prefects_own_database_is_refused(ledger: Ledger) -> None:
    with owner(ledger).begin() as conn:
        conn.execute(text("CREATE SCHEMA IF NOT EXISTS public"))
        conn.execute(text("CREATE TABLE public.flow_run (id int)"))
    assert "Prefect's own database" in refusal(ledger.url("control"))
    with pytest.raises(DatabaseRefused, match="Prefect's own database"):
        open_owner(ledger.url("owner"))


def test_a_database_without_a_ledger_is_refused(ledger: Ledger) -> None:
    assert "run `mailfleet migrate`" in refusal(ledger.admin)


def test_an_unreachable_database_is_refused_in_one_line(ledger: Ledger) -> None:
    assert "database unreachable" in refusal("postgresql://x:y@127.0.0.1:1/nothing")
    assert "database unreachable" in refusal(on(ledger, "nobody_at_all"))


@pytest.mark.parametrize(
    "end",
    ["h:99999999/b", "h:port/b", "[::1/x", "h/b?nonsense=1", "h/b?port=x", "h:0/b", "h/b?connect_timeout=x"],
)
def test_a_url_that_is_none_is_refused_without_its_password(end: str) -> None:
    assert "hidden" not in refusal(f"postgresql://a:hidden@{end}")


def test_an_older_server_is_refused(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "MINIMUM", 990000)
    assert "is too old" in refusal(ledger.url("control"))


def test_a_line_that_is_lost_within_a_transaction_is_one_line_too(ledger: Ledger) -> None:
    with pytest.raises(DatabaseRefused, match="database unreachable"):
        cut_off(ledger)


def cut_off(ledger: Ledger) -> None:
    with transaction(ledger.engine()) as conn, plain_engine(ledger.admin).connect() as admin:
        pid = conn.execute(text("SELECT pg_backend_pid()")).scalar()
        admin.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        conn.execute(text("SELECT 1"))


@pytest.mark.slow
def test_migrating_a_ledger_that_is_in_use_changes_nothing_and_says_so(ledger: Ledger) -> None:
    with owner(ledger).begin() as busy:
        busy.execute(text("LOCK TABLE mailfleet.alembic_version"))
        with pytest.raises(DatabaseRefused, match="the ledger is in use"):
            migrate(owner(ledger), ledger.roles)


def test_the_wall_clock_cannot_be_moved_and_a_demos_moves_forward_only(ledger: Ledger) -> None:
    with pytest.raises(Exception, match="cannot be moved"), transaction(ledger.engine()) as conn:
        conn.execute(text("UPDATE mailfleet.clock SET business_at = now(), wall_at = now()"))
    with owner(ledger).begin() as conn:
        conn.execute(text("ALTER TABLE mailfleet.clock DISABLE TRIGGER guard_clock"))
        conn.execute(
            text(
                "UPDATE mailfleet.clock SET demo = true, business_at = clock_timestamp(), wall_at = clock_timestamp()"
            )
        )
        conn.execute(text("ALTER TABLE mailfleet.clock ENABLE TRIGGER guard_clock"))
    with transaction(ledger.engine()) as conn:
        conn.execute(
            text(
                "UPDATE mailfleet.clock SET business_at = business_at + interval '1 day', wall_at = clock_timestamp()"
            )
        )
    with pytest.raises(Exception, match="moves forward only"), transaction(ledger.engine()) as conn:
        conn.execute(
            text(
                "UPDATE mailfleet.clock SET business_at = business_at - interval '1 hour', wall_at = clock_timestamp()"
            )
        )
    with pytest.raises(Exception, match="permission denied"), transaction(ledger.engine()) as conn:
        conn.execute(text("UPDATE mailfleet.clock SET demo = false"))
