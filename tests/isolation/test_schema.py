"""db/schema.sql is what the migrations make, and every table is written, read and walled."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import text

from db.databases import superuser
from db.engine import Connection, plain_engine
from db.schema import FILE, whole
from tests.conftest import Ledger
from tests.isolation.ask import owner, tables

ROOT = Path(__file__).parents[2]

CATALOG = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
               pg_get_expr(d.adbin, d.adrelid), a.attacl
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
          LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
         WHERE c.relnamespace = 'mailfleet'::regnamespace AND c.relkind IN ('r', 'p', 'S') AND a.attnum > 0
           AND NOT a.attisdropped""",
    "constraints": """
        SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
         WHERE connamespace = 'mailfleet'::regnamespace AND contype <> 'n'""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'mailfleet'",
    "tables": """
        SELECT relname, relkind, relrowsecurity, relforcerowsecurity, relacl, pg_get_partkeydef(oid),
               pg_get_expr(relpartbound, oid)
          FROM pg_class WHERE relnamespace = 'mailfleet'::regnamespace AND relkind IN ('r', 'p', 'S')""",
    "policies": """
        SELECT tablename, policyname, permissive, roles, cmd, qual, with_check FROM pg_policies
         WHERE schemaname = 'mailfleet'""",
    "functions": "SELECT pg_get_functiondef(oid), proacl FROM pg_proc WHERE pronamespace = 'mailfleet'::regnamespace",
    "triggers": """
        SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
         WHERE c.relnamespace = 'mailfleet'::regnamespace AND NOT tgisinternal""",
    "schema": "SELECT nspacl FROM pg_namespace WHERE nspname = 'mailfleet'",
}  # fmt: skip


def catalog(conn: Connection) -> dict[str, list[str]]:
    """Everything that a schema is, but the table of alembic."""
    found = {
        what: sorted(str(tuple(row)) for row in conn.execute(text(question)))
        for what, question in CATALOG.items()
    }
    return {what: [row for row in rows if "alembic_version" not in row] for what, rows in found.items()}


def test_the_file_is_the_sum_of_the_revisions() -> None:
    assert FILE.read_text("utf-8") == whole(), "db/schema.sql is old: run `python -m db.schema`"


def test_the_file_makes_what_the_migrations_make(ledger: Ledger) -> None:
    name = f"sum_{ledger.name}"
    with superuser(ledger.admin) as admin:
        admin.exec_driver_sql(f'CREATE DATABASE {name} OWNER "{ledger.roles.name("owner")}"')
        try:
            summed = plain_engine(ledger.url("owner").replace(ledger.name, name))
            with summed.begin() as conn:
                conn.connection.cursor().execute(ledger.roles.fill(FILE.read_text("utf-8")))
            with summed.connect() as conn, owner(ledger).connect() as migrated:
                one, other = catalog(conn), catalog(migrated)
            summed.dispose()
        finally:
            admin.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    for what in CATALOG:
        assert len(one[what]) >= 1
        assert one[what] == other[what], what


def test_the_comparison_sees_a_difference(ledger: Ledger) -> None:
    with owner(ledger).connect() as conn:
        before = catalog(conn)
        for what, change in {
            "columns": "ALTER TABLE mailfleet.tenants ADD COLUMN odd int",
            "constraints": "ALTER TABLE mailfleet.stops DROP CONSTRAINT a_breaker_has_its_incident",
            "indexes": "DROP INDEX mailfleet.messages_due",
            "tables": "GRANT SELECT ON mailfleet.audit TO PUBLIC",
            "policies": "DROP POLICY own_rows ON mailfleet.leads",
            "functions": "ALTER FUNCTION mailfleet.ensure_months(int) RESET search_path",
            "triggers": "DROP TRIGGER guard_clock ON mailfleet.clock",
            "schema": "REVOKE USAGE ON SCHEMA mailfleet FROM PUBLIC",
        }.items():
            savepoint = conn.begin_nested()
            conn.execute(text(change))
            assert (catalog(conn)[what] != before[what]) is (what != "schema"), what
            savepoint.rollback()


def test_migrating_again_changes_nothing(ledger: Ledger) -> None:
    from db.migrate import migrate

    with owner(ledger).connect() as conn:
        before = catalog(conn)
    migrate(owner(ledger), ledger.roles)
    with owner(ledger).connect() as conn:
        assert catalog(conn) == before


def test_every_table_is_walled(ledger: Ledger) -> None:
    with owner(ledger).connect() as conn:
        for table in tables(conn):
            walled = "SELECT relrowsecurity FROM pg_class WHERE oid = ('mailfleet.' || :table)::regclass"
            assert conn.execute(text(walled), {"table": table}).scalar(), f"{table} has no row-level security"
            policies = (
                "SELECT count(*) FROM pg_policies WHERE schemaname = 'mailfleet' AND tablename = :table"
            )
            assert conn.execute(text(policies), {"table": table}).scalar(), f"{table} has no policy"


# Whether a key was seen is asked by inserting it: the constraint is the reader.
READ_BY_INSERTING = {"event_keys"}


@pytest.mark.parametrize("way", ["written", "read"])
def test_every_table_is(ledger: Ledger, way: str) -> None:
    source = " ".join(
        path.read_text("utf-8") for path in (ROOT / "db").glob("*.py") if path.name != "migrate.py"
    )
    source += " ".join(re.findall(r"(?s)INSERT INTO.*?\"\"\"", (ROOT / "db/migrate.py").read_text("utf-8")))
    verbs = r"(?:INSERT\s+INTO|UPDATE)" if way == "written" else r"(?:FROM|JOIN|,)"
    with owner(ledger).connect() as conn:
        unused = [
            table for table in tables(conn)
            if not re.search(rf"{verbs}\s+(?:LATERAL\s+)?mailfleet\.{table}\b", source)
        ]  # fmt: skip
    assert set(unused) <= (READ_BY_INSERTING if way == "read" else set()), (
        f"in db/*.py nothing is {way}: {unused}"
    )
