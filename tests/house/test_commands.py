"""The command as an operator meets it: exit codes, one line for every refusal, JSON for programs."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from db.databases import superuser
from db.engine import plain_engine, transaction
from db.migrate import GROUPS
from mailfleet.acts.fleet import add_node
from mailfleet.acts.fleet_words import NewNode
from mailfleet.settings import SettingsRefused, load
from tests.conftest import PASSWORD, Ledger
from tests.house.rows import fill, lead_address
from tests.house.test_fleet import FLEET

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def mailfleet(ledger: Ledger, tmp_path: Path) -> Run:
    """Runs `mailfleet …` on the test's ledger; more environment by keyword."""
    ours = {
        "DATABASE_URL": ledger.url("control"), "DATABASE_OWNER_URL": ledger.url("owner"),
        "DATABASE_TENANT_URL": ledger.url("tenant"), "ROLE_PREFIX": ledger.roles.prefix, "MAILFLEET_ACTOR": "anna",
        **{name: str(tmp_path / f"{name}.json") for name in ("ENCRYPTION_KEYS", "TOKEN_KEYS", "HASH_KEYS")},
    }  # fmt: skip

    def run(*words: str, stdin: str = "", **more: str) -> Ended:
        environ = (
            {k: v for k, v in os.environ.items() if not k.startswith(("DATABASE_", "MAILFLEET_"))}
            | ours
            | more
        )
        done = subprocess.run(
            [sys.executable, "-m", "mailfleet", *words],
            cwd=ROOT,
            env=environ,
            input=stdin,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    for name, number in (("ENCRYPTION_KEYS", 1), ("TOKEN_KEYS", 2), ("HASH_KEYS", 3)):
        key = base64.b64encode(bytes([number]) * 32).decode()
        (tmp_path / f"{name}.json").write_text(json.dumps({"1": key}))
    return run


def refused(ended: Ended, *words: str) -> None:
    """Nothing was done, and one line says why."""
    assert ended.code == 2, ended
    assert ended.out == ""
    assert len(ended.err.strip().splitlines()) == 1, ended.err
    assert "Traceback" not in ended.err
    for word in words:
        assert word in ended.err


def test_a_tenant_is_added_listed_and_audited(mailfleet: Run) -> None:
    assert mailfleet("tenant", "add", "acme", "--name", "Acme").code == 0
    refused(mailfleet("tenant", "add", "acme", "--name", "Acme"), "there already")
    refused(mailfleet("tenant", "add", "Bad Slug", "--name", "Acme"), "slug")
    (shown,) = json.loads(mailfleet("tenant", "list", "--json").out)
    assert shown["slug"] == "acme"
    assert "acme" in mailfleet("tenant", "list").out
    (act,) = json.loads(mailfleet("audit", "list", "--json").out)
    assert (act["actor"], act["act"], act["subject"]) == ("anna", "tenant added", "tenant acme")


def test_a_broken_audit_ends_with_1_and_names_the_act(mailfleet: Run, ledger: Ledger) -> None:
    for slug in ("acme", "bolt"):
        assert mailfleet("tenant", "add", slug, "--name", slug).code == 0
    assert mailfleet("audit", "verify").code == 0
    with plain_engine(ledger.url("owner")).begin() as owner:
        owner.execute(text("UPDATE mailfleet.audit SET actor = 'eve' WHERE seq = 1"))
    ended = mailfleet("audit", "verify")
    assert ended.code == 1
    assert "act 1: it was changed" in ended.out
    assert json.loads(mailfleet("audit", "verify", "--json").out)["holds"] is False


@pytest.mark.slow
def test_what_cannot_be_is_one_line_and_2(mailfleet: Run, ledger: Ledger, tmp_path: Path) -> None:
    strange = ledger.url("control").replace("127.0.0.1:", "127.0.0.1:1")
    refused(mailfleet("status", DATABASE_URL=""), "DATABASE_URL is not set")
    refused(mailfleet("status", DATABASE_URL="mysql://x"), "DATABASE_URL is wrong")
    refused(mailfleet("status", DATABASE_URL=strange), "database unreachable")
    refused(mailfleet("status", DATABASE_URL=ledger.admin), "no ledger")
    refused(mailfleet("status", DATABASE_URL=ledger.url("owner")), "owner")
    refused(mailfleet("explain", "x@y.example", HASH_KEYS=str(tmp_path / "none")), "mailfleet keys new")
    refused(mailfleet("explain", "x@y.example", "--tenant", "none"), "there is no tenant none")
    refused(mailfleet("mailbox", "limits", "x@y.example", "--daily", "1"), "there is no mailbox")
    refused(mailfleet("mailbox", "list", "--tenant", "none"), "there is no tenant none")
    refused(mailfleet("fleet", "add", str(tmp_path / "none.yaml")), "none.yaml cannot be read")
    refused(mailfleet("keys", "new", str(tmp_path / "HASH_KEYS.json")), "exists already")
    refused(mailfleet("keys", "new", str(tmp_path / "HASH_KEYS.json" / "x")), "cannot be written")
    refused(mailfleet("keys", "new", "/proc/none/x.json"), "cannot be written")
    refused(mailfleet("ledger", "reopen", "--reason", "x"), "the ledger is open")


def test_a_fault_of_ours_shows_where_and_nobody(mailfleet: Run, ledger: Ledger) -> None:
    with plain_engine(ledger.url("owner")).begin() as owner:
        owner.execute(text("DROP TABLE mailfleet.outbox"))
    ended = mailfleet("status", MAILFLEET_ACTOR="anna@secret.example")
    assert ended.code == 70
    assert "Traceback" in ended.err
    assert "outbox" in ended.err
    assert PASSWORD not in ended.err


def test_explain_answers_a_list_of_addresses_line_by_line(mailfleet: Run, ledger: Ledger) -> None:
    with transaction(ledger.engine()) as conn:
        fill(conn, "acme")
    ended = mailfleet("explain", "--json", "-", stdin=f"{lead_address('acme')}\n\nnobody@x.example\n")
    assert [json.loads(line)["address"] for line in ended.out.splitlines()] == [
        lead_address("acme"),
        "nobody@x.example",
    ]
    told = mailfleet("explain", lead_address("acme"), "--tenant", "acme").out
    assert "250 2.0.0 queued" in told
    assert "Nobody here has met" in mailfleet("explain", "nobody@x.example").out


def test_bytes_that_are_no_text_are_what_nobody_has_met(mailfleet: Run) -> None:
    asked = "a\udcff@x.example\nnobody@x.example\n"
    ended = mailfleet("explain", "--json", "-", stdin=asked)
    answers = [json.loads(line) for line in ended.out.splitlines()]
    assert [(answer["address"], answer["tenants"]) for answer in answers] == [
        ("a\ufffd@x.example", []), ("nobody@x.example", []),
    ]  # fmt: skip
    assert "Nobody here has met" in mailfleet("explain", "a\udcff@x.example").out
    refused(mailfleet("stop", "node", "n\udcff", "--reason", "x"), "there is no node n\ufffd")


def test_status_shows_everything_at_once(mailfleet: Run, ledger: Ledger) -> None:
    with transaction(ledger.engine()) as conn:
        fill(conn, "acme")
    shown = json.loads(mailfleet("status", "--json").out)
    assert set(shown) == {"ledger", "messages", "nodes", "stops", "incidents"}
    assert shown["messages"] == [
        {"tenant": "acme", "campaign": "spring", "state": "submitted", "messages": 1}
    ]
    told = mailfleet("status").out
    for word in ("acme/spring", "submitted", "node-1", "bounce rate", "Business time"):
        assert word in told


def test_a_ledger_that_holds_is_reopened_in_a_new_epoch(mailfleet: Run, ledger: Ledger) -> None:
    with transaction(ledger.engine()) as conn:
        conn.execute(text("UPDATE mailfleet.ledger_epoch SET state = 'holding', reason = 'restored'"))
    assert "EVERYTHING IS HELD" in mailfleet("status").out
    assert mailfleet("ledger", "reopen", "--reason", "logs were read").code == 0
    assert json.loads(mailfleet("ledger", "status", "--json").out) | {"since": ""} == {
        "epoch": 2, "state": "open", "since": "", "reason": "logs were read",
    }  # fmt: skip


@pytest.fixture
def empty(ledger: Ledger) -> Iterator[tuple[str, str]]:
    """A database without a ledger, and a prefix for roles that are not there yet."""
    prefix = f"e{secrets.token_hex(3)}"
    name = f"empty_{prefix}"
    with superuser(ledger.admin) as conn:
        conn.exec_driver_sql(f"CREATE ROLE {prefix}_owner LOGIN CREATEROLE PASSWORD '{PASSWORD}'")
        conn.exec_driver_sql(f"CREATE DATABASE {name} OWNER {prefix}_owner")
        yield ledger.admin.rsplit("/", 1)[0].replace("//postgres:", f"//{prefix}_owner:") + f"/{name}", prefix
        conn.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        for group in GROUPS:
            conn.exec_driver_sql(f"DROP ROLE IF EXISTS {prefix}_{group}")


@pytest.mark.slow
def test_migrate_makes_roles_with_the_passwords_of_the_settings(
    mailfleet: Run, empty: tuple[str, str]
) -> None:
    admin, prefix = empty
    where = admin.rsplit("@", 1)[1]
    owner = f"postgresql://{prefix}_owner:{PASSWORD}@{where}"
    control = f"postgresql://{prefix}_control:p%25w'd@{where}"
    mine = {
        "DATABASE_OWNER_URL": owner,
        "DATABASE_URL": control,
        "DATABASE_TENANT_URL": "",
        "ROLE_PREFIX": prefix,
    }
    refused(mailfleet("status", **mine | {"DATABASE_URL": owner}), "run `mailfleet migrate`")
    first = mailfleet("migrate", **mine)
    assert first.code == 0, first
    assert "is at revision 0005" in first.out
    assert f"{prefix}_web has no password yet" in first.out
    assert mailfleet("status", **mine).code == 0
    assert mailfleet("migrate", **mine).out == "The ledger is at revision 0005\n"
    acts = json.loads(mailfleet("audit", "list", "--subject", "ledger", "--json", **mine).out)
    assert [(act["actor"], act["act"], act["details"]) for act in acts] == [
        ("anna", "migrated", {"before": "0005", "after": "0005"}),
        ("anna", "migrated", {"before": None, "after": "0005"}),
    ]
    assert mailfleet("audit", "verify", **mine).code == 0


@pytest.mark.slow
def test_migrate_prints_what_it_may_not_do(mailfleet: Run, empty: tuple[str, str], ledger: Ledger) -> None:
    admin, prefix = empty
    owner = f"postgresql://{prefix}_owner:{PASSWORD}@{admin.rsplit('@', 1)[1]}"
    with superuser(ledger.admin) as conn:
        conn.exec_driver_sql(f"ALTER ROLE {prefix}_owner NOCREATEROLE")
    ended = mailfleet("migrate", DATABASE_OWNER_URL=owner, ROLE_PREFIX=prefix)
    assert ended.code == 2
    assert f'CREATE ROLE "{prefix}_control" LOGIN PASSWORD' in ended.out
    assert "4 roles are missing" in ended.err
    refused(mailfleet("migrate", DATABASE_OWNER_URL=ledger.url("control")), "may not create tables")


@pytest.mark.slow
def test_prefects_own_database_is_refused(mailfleet: Run, empty: tuple[str, str]) -> None:
    admin, prefix = empty
    owner = f"postgresql://{prefix}_owner:{PASSWORD}@{admin.rsplit('@', 1)[1]}"
    with plain_engine(owner).begin() as conn:
        conn.execute(text("CREATE TABLE public.flow_run (id int)"))
    refused(mailfleet("migrate", DATABASE_OWNER_URL=owner, ROLE_PREFIX=prefix), "Prefect's own database")
    refused(mailfleet("status", DATABASE_URL=owner), "Prefect's own database")


@pytest.mark.slow
def test_a_fleet_is_added_shown_paused_and_resumed(mailfleet: Run, tmp_path: Path) -> None:
    assert mailfleet("keys", "new", str(tmp_path / "more.json")).code == 0
    assert (tmp_path / "more.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "fleet.yaml").write_text(FLEET)
    assert mailfleet("fleet", "add", str(tmp_path / "fleet.yaml")).code == 0
    assert "mf1._domainkey.acme.example" in mailfleet("tenant", "dns", "acme").out
    assert (
        mailfleet(
            "mailbox", "add", "acme", "tools", "eve@acme.example", "--name", "Eve", "--egress", "one"
        ).code
        == 0
    )
    assert mailfleet("mailbox", "limits", "eve@acme.example", "--daily", "3").code == 0
    assert mailfleet("mailbox", "pause", "eve@acme.example", "--reason", "on holiday").code == 0
    listed = {row["address"]: row for row in json.loads(mailfleet("mailbox", "list", "--json").out)}
    assert listed["eve@acme.example"]["daily_limit"] == 3
    assert listed["eve@acme.example"]["stopped"] == "on holiday"
    assert listed["bo@acme.example"]["routes"] == ["two", "one"]
    assert "operator" in mailfleet("mailbox", "resume", "eve@acme.example").out
    assert "on holiday" not in mailfleet("mailbox", "list").out
    refused(mailfleet("mailbox", "pause", "nobody@acme.example"), "there is no mailbox")


@pytest.mark.slow
def test_a_setting_or_a_number_that_cannot_be_is_one_line_and_2(mailfleet: Run, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "number.json").write_text('{"1": 5}')
    (tmp_path / "deep.json").write_text("[" * 100_000)
    refused(mailfleet("status", DATABASE_URL="postgresql://a:hidden@[::1/b"), "URL is wrong")
    refused(mailfleet("status", DATABASE_URL_FILE=str(tmp_path / "binary")), "DATABASE_URL_FILE is wrong")
    for name in ("number", "deep"):
        refused(mailfleet("explain", "x@y.example", HASH_KEYS=str(tmp_path / f"{name}.json")), f"{name}.json")
    refused(mailfleet("mailbox", "limits", "x@y.example", "--daily", "99999999999"), "1000000")


@pytest.mark.parametrize(
    "wrong", ["bogus", "127.0.0.1", "127.0.0.1:0", "[::1]:99999", "dns.example:53", "1.1.1.1:５３"]
)
def test_a_resolver_is_an_ip_address_and_a_port(wrong: str) -> None:
    assert load({"DNS_SERVERS": "127.0.0.1:53, [::1]:5353"}).dns_servers == ("127.0.0.1:53", "[::1]:5353")
    with pytest.raises(SettingsRefused, match="DNS_SERVERS is wrong"):
        load({"DNS_SERVERS": f"127.0.0.1:53,{wrong}"})


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("--nonsense",),
        ("stop", "node", "n"),
        ("mailbox", "limits"),
        ("keys", "new", "--what"),
        ("mailbox", "x"),
    ],
)
def test_a_command_that_cannot_be_understood_is_one_line_and_2(
    mailfleet: Run, words: tuple[str, ...]
) -> None:
    refused(mailfleet(*words), "--help")


def test_help_is_help(mailfleet: Run) -> None:
    assert "Usage" in mailfleet("mailbox", "--help").out
    assert mailfleet("mailbox", "--help").code == 0
    alone = mailfleet()
    assert (alone.code, "Usage" in alone.out + alone.err) == (2, True)


@pytest.fixture
def of_node(ledger: Ledger, tmp_path: Path) -> dict[str, str]:
    """What node-1 is told; it has a log and no Postfix that answers."""
    with transaction(ledger.engine()) as conn:
        add_node(conn, ledger.roles, NewNode(name="node-1", host="node-1.example"), actor="test")
    (tmp_path / "mail.log").touch()
    return {
        "DATABASE_NODE_URL": ledger.url("node-1"),
        "NODE_NAME": "node-1",
        "POSTFIX_LOG": str(tmp_path / "mail.log"),
        "POSTFIX_BIN_DIR": str(tmp_path),
    }


def test_a_log_that_is_not_there_is_refused_by_name(mailfleet: Run, of_node: dict[str, str]) -> None:
    refused(
        mailfleet("node", "log", **of_node | {"POSTFIX_LOG": "/none/mail.log"}),
        "/none/mail.log",
        "POSTFIX_LOG",
    )


def test_a_postfix_that_does_not_answer_says_nothing_of_its_queue(
    mailfleet: Run, of_node: dict[str, str]
) -> None:
    ended = mailfleet("node", "log", **of_node)
    assert ended.code == 0
    assert "queue unknown" in ended.out
    assert "queued" not in ended.out
