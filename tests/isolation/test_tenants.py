"""A tenant's session can neither read nor write a row of another, by whatever way."""

from __future__ import annotations

import pytest
from psycopg import errors
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.isolation.ask import ask, columns, owner, partitions, tables, writable
from tests.isolation.world import World

READABLE = {
    "tenants", "directions", "domains", "mailboxes", "routes", "imports", "refused_rows", "leads", "campaigns",
    "campaign_versions", "campaign_steps", "enrolments", "messages", "attempts", "events", "verdicts", "suppressions",
    "incidents", "stops",
}  # fmt: skip


def test_every_table_has_rows_of_both_tenants_or_none_has_a_tenant(world: World) -> None:
    with owner(world.ledger).connect() as conn:
        for table in tables(conn):
            assert conn.execute(text(f"SELECT count(*) FROM mailfleet.{table}")).scalar(), (
                f"nothing to hide in {table}"
            )
            if "tenant_id" in columns(conn, table):
                seen = set(conn.execute(text(f"SELECT tenant_id FROM mailfleet.{table}")).scalars())
                assert {world.acme.tenant_id, world.bolt.tenant_id} <= seen, table


def test_a_tenant_reads_its_own_rows_and_no_others(world: World) -> None:
    with owner(world.ledger).connect() as conn:
        every = tables(conn)
    for table in every:
        count = ask(world.tenant, f"SELECT count(*) FROM mailfleet.{table}", tenant=world.acme.tenant_id)
        if table not in READABLE | {"clock"}:
            assert count == "denied", table
        elif table in READABLE:
            strange = f"SELECT count(*) FROM mailfleet.{table} WHERE tenant_id IS DISTINCT FROM :mine"
            assert count >= 1, f"the test is empty for {table}"
            assert (
                ask(world.tenant, strange, {"mine": world.acme.tenant_id}, tenant=world.acme.tenant_id) == 0
            ), table


def test_a_tenant_changes_nothing_in_any_table(world: World) -> None:
    with owner(world.ledger).connect() as conn:
        every = [(table, writable(conn, table)[0]) for table in tables(conn)]
    for tenant in (world.acme.tenant_id, world.bolt.tenant_id):
        for table, column in every:
            assert (
                ask(world.tenant, f"UPDATE mailfleet.{table} SET {column} = {column}", tenant=tenant)
                == "denied"
            ), table
            assert ask(world.tenant, f"DELETE FROM mailfleet.{table}", tenant=tenant) == "denied", table
            if table != "suppressions":
                assert (
                    ask(world.tenant, f"INSERT INTO mailfleet.{table} DEFAULT VALUES", tenant=tenant)
                    == "denied"
                ), table


def test_a_tenant_suppresses_for_itself_only(own_world: World) -> None:
    insert = """
        INSERT INTO mailfleet.suppressions (kind, tenant_id, domain, reason, since, evidence, actor)
        VALUES ('domain', :tenant, 'x.example', 'operator', now(), 'by hand', 'acme')
    """
    assert (
        ask(own_world.tenant, insert, {"tenant": own_world.acme.tenant_id}, tenant=own_world.acme.tenant_id)
        == 1
    )
    assert (
        ask(own_world.tenant, insert, {"tenant": own_world.bolt.tenant_id}, tenant=own_world.acme.tenant_id)
        == "denied"
    )
    assert ask(own_world.tenant, insert, {"tenant": None}, tenant=own_world.acme.tenant_id) == "denied"


def test_keys_and_sealed_columns_are_nobodys_to_read(world: World) -> None:
    for column in ("tenants.data_key", "tenants.data_key_id", "domains.dkim_key"):
        table, name = column.split(".")
        assert (
            ask(world.tenant, f"SELECT {name} FROM mailfleet.{table}", tenant=world.acme.tenant_id)
            == "denied"
        )


def test_a_session_that_names_no_tenant_is_nobodys(world: World) -> None:
    for table in READABLE:
        assert ask(world.tenant, f"SELECT count(*) FROM mailfleet.{table}") == 0, table


def test_a_tenant_is_forgotten_when_its_transaction_ends(world: World) -> None:
    """The pool gives the same connection again; the setting is then '' and must mean nobody."""
    with world.tenant.connect() as conn:
        with conn.begin():
            conn.execute(
                text("SELECT set_config('mailfleet.tenant', :tenant, true)"),
                {"tenant": str(world.acme.tenant_id)},
            )
            assert conn.execute(text("SELECT count(*) FROM mailfleet.leads")).scalar() == 1
        assert conn.execute(text("SELECT current_setting('mailfleet.tenant', true)")).scalar() == ""
        assert conn.execute(text("SELECT count(*) FROM mailfleet.leads")).scalar() == 0


def test_without_nullif_an_ended_session_is_an_error(own_world: World) -> None:
    with owner(own_world.ledger).begin() as conn:
        conn.execute(text("""
            CREATE OR REPLACE FUNCTION mailfleet.my_tenant() RETURNS int LANGUAGE sql STABLE AS
            $$ SELECT current_setting('mailfleet.tenant', true)::int $$
        """))  # fmt: skip
    ask(own_world.tenant, "SELECT 1", tenant=own_world.acme.tenant_id)
    with pytest.raises(DBAPIError, match="invalid input syntax for type integer"):
        ask(own_world.tenant, "SELECT count(*) FROM mailfleet.leads")


def test_nobody_reads_a_partition_or_a_view_around_the_policies(world: World) -> None:
    with owner(world.ledger).connect() as conn:
        every = partitions(conn)
        views = conn.execute(text("SELECT count(*) FROM pg_views WHERE schemaname = 'mailfleet'")).scalar()
    assert len(every) >= 12
    assert views == 0, "a view reads with its owner's rights: give it security_invoker and a test here"
    for role in ("tenant", "web", "node-1", "control"):
        engine = world.ledger.engine(role)
        for name in every:
            assert (
                ask(engine, f"SELECT count(*) FROM mailfleet.{name}", tenant=world.acme.tenant_id) == "denied"
            ), (role, name)
            assert ask(engine, f"DELETE FROM mailfleet.{name}", tenant=world.acme.tenant_id) == "denied", (
                role,
                name,
            )


def test_a_partition_would_show_everything_if_it_were_granted(own_world: World) -> None:
    """Why partitions get no grants: policies stand on the parent, and a direct read never meets them."""
    with owner(own_world.ledger).begin() as conn:
        (name,) = (
            n
            for n in partitions(conn)
            if conn.execute(text(f"SELECT count(*) FROM mailfleet.{n} ")).scalar() and "attempts" in n
        )
        conn.execute(text(f'GRANT SELECT ON mailfleet.{name} TO "{own_world.ledger.roles.name("tenant")}"'))
        conn.execute(text(f"ALTER TABLE mailfleet.{name} DISABLE ROW LEVEL SECURITY"))
    assert (
        ask(own_world.tenant, f"SELECT count(*) FROM mailfleet.{name}", tenant=own_world.acme.tenant_id) == 2
    )
    assert (
        ask(own_world.tenant, "SELECT count(*) FROM mailfleet.attempts", tenant=own_world.acme.tenant_id) == 1
    )


def test_a_tenant_may_call_two_functions_and_neither_shows_a_row(world: World) -> None:
    with owner(world.ledger).connect() as conn:
        callable_ = conn.execute(text("""
            SELECT proname FROM pg_proc WHERE pronamespace = 'mailfleet'::regnamespace
               AND has_function_privilege(:role, oid, 'EXECUTE') ORDER BY proname
        """), {"role": world.ledger.roles.name("tenant")})  # fmt: skip
        assert list(callable_.scalars()) == ["business_now", "my_tenant"]


def test_a_function_with_the_owners_rights_has_a_fixed_path_and_is_not_for_tenants(world: World) -> None:
    with owner(world.ledger).connect() as conn:
        definers = conn.execute(text("""
            SELECT proname, proconfig, has_function_privilege(:tenant, oid, 'EXECUTE') OR
                   has_function_privilege(:web, oid, 'EXECUTE') AS open_to_all
              FROM pg_proc WHERE pronamespace = 'mailfleet'::regnamespace AND prosecdef
        """), {"tenant": world.ledger.roles.name("tenant"), "web": world.ledger.roles.name("web")}).all()  # fmt: skip
    assert "ensure_months" in {row.proname for row in definers}
    for row in definers:
        assert row.proconfig == ["search_path=pg_catalog, pg_temp"], row.proname
        assert not row.open_to_all, row.proname


FOREIGN = {
    "mailboxes of another's domain": "UPDATE mailfleet.mailboxes SET domain_id = :domain_id WHERE tenant_id = :mine",
    "campaigns of another's direction": """
        UPDATE mailfleet.campaigns SET direction_id = (SELECT direction_id FROM mailfleet.directions WHERE tenant_id = :theirs)
         WHERE tenant_id = :mine""",
    "leads of another's import": "UPDATE mailfleet.leads SET import_id = :import_id WHERE tenant_id = :mine",
    "enrolments in another's campaign": "UPDATE mailfleet.enrolments SET campaign_id = :campaign_id WHERE tenant_id = :mine",
    "messages from another's mailbox": "UPDATE mailfleet.messages SET mailbox_id = :mailbox_id WHERE tenant_id = :mine",
    "messages of another's enrolment": "UPDATE mailfleet.messages SET enrolment_id = :enrolment_id WHERE tenant_id = :mine",
    "messages by another's egress": "UPDATE mailfleet.messages SET egress_id = :egress_id WHERE tenant_id = :mine",
    "routes by another's egress": "UPDATE mailfleet.routes SET egress_id = :egress_id WHERE tenant_id = :mine",
    "verdicts of another's message": "UPDATE mailfleet.verdicts SET message_id = :message_id WHERE tenant_id = :mine",
    "refused rows of another's import": "UPDATE mailfleet.refused_rows SET import_id = :import_id WHERE tenant_id = :mine",
}


@pytest.mark.parametrize("what", FOREIGN)
def test_no_row_leans_on_another_tenants(world: World, what: str) -> None:
    theirs = vars(world.bolt) | {"mine": world.acme.tenant_id, "theirs": world.bolt.tenant_id}
    with pytest.raises(DBAPIError) as refused:
        ask(world.ledger.engine(), FOREIGN[what], theirs)
    assert isinstance(refused.value.orig, errors.ForeignKeyViolation | errors.UniqueViolation), refused.value


def test_an_egress_is_ones_own_or_shared(world: World) -> None:
    for table in ("messages", "routes"):
        move = f"UPDATE mailfleet.{table} SET egress_owner = :theirs, egress_id = :egress WHERE tenant_id = :mine"
        values = {
            "theirs": world.bolt.tenant_id,
            "egress": world.bolt.egress_id,
            "mine": world.acme.tenant_id,
        }
        with pytest.raises(DBAPIError, match="own_or_shared_egress"):
            ask(world.ledger.engine(), move, values)


def test_every_foreign_key_between_tenants_tables_carries_the_tenant(world: World) -> None:
    with owner(world.ledger).connect() as conn:
        keys = conn.execute(text("""
            SELECT conrelid::regclass::text AS child, confrelid::regclass::text AS parent, conname,
                   EXISTS (SELECT FROM unnest(conkey, confkey) AS pair (child, parent)
                             JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = pair.child
                             JOIN pg_attribute b ON b.attrelid = confrelid AND b.attnum = pair.parent
                            WHERE a.attname IN ('tenant_id', 'egress_owner') AND b.attname IN ('tenant_id', 'owner_id')) AS bound
              FROM pg_constraint WHERE contype = 'f' AND connamespace = 'mailfleet'::regnamespace AND conparentid = 0
        """)).all()  # fmt: skip
        ours = {table for table in tables(conn) if "tenant_id" in columns(conn, table)}
    unbound = {
        (key.child, key.parent) for key in keys if not key.bound and key.child in ours and key.parent in ours
    }
    # An incident's and a stop's tenant may be NULL (a shared egress), and only the house writes them.
    assert unbound == {("stops", "incidents")}
