"""What operators say about people and stops: in the audit, and in one line where it cannot be done."""

# ruff: noqa: E501  (logs, reports and rows of real words are long)

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db import clock, stops, suppressions
from db.stops import NewStop
from mailfleet.acts import suppress
from mailfleet.acts.keys import Keys
from mailfleet.acts.refused import Refused
from mailfleet.acts.stops import stop, unstop
from mailfleet.acts.suppress import Wish
from mailfleet.acts.suppression_file import import_file
from mailfleet.policy.suppression import FOR_EVER, REASONS, may_lift, refusal
from mailfleet.settings.keys import Keyring, write_keyring
from tests.feedback.given import KEYS, World

TWO_KEYS = Keys(KEYS.seal, KEYS.tokens, Keyring({1: b"h" * 32, 2: b"i" * 32}))


def add(
    world: World, whom: str, reason: str = "operator", tenant: str | None = None, keys: Keys = KEYS
) -> bool:
    with world.engine.begin() as conn:
        return suppress.add(conn, keys, Wish(whom, reason, tenant), actor="olga")


def add_until(world: World, until: datetime | None, whom: str = "anna@person.example") -> bool:
    with world.engine.begin() as conn:
        return suppress.add(conn, KEYS, Wish(whom, "operator", until=until), actor="olga")


def remove(world: World, whom: str, tenant: str | None = None, consent: str | None = None) -> list[str]:
    with world.engine.begin() as conn:
        return suppress.remove(conn, TWO_KEYS, whom, tenant=tenant, new_consent=consent, actor="olga")


def check(world: World, whom: str) -> list[tuple[str | None, str]]:
    with world.engine.connect() as conn:
        return [(one.tenant, one.reason) for one in suppress.check(conn, KEYS, whom)]


def acts(world: World) -> list[tuple[object, ...]]:
    return world.run("SELECT actor, act, subject FROM audit ORDER BY seq")


def test_a_person_is_suppressed_however_the_address_is_written(world):
    assert add(world, "Anna.Berg+news@Gmail.com", "objection", "acme")
    assert check(world, "annaberg@googlemail.com") == [("acme", "objection")]
    assert add(world, "annaberg@gmail.com", "objection", "acme") is True  # another address of the same person
    assert add(world, " ANNABERG@gmail.com ", "objection", "acme") is False


def test_a_domain_is_suppressed_with_everybody_in_it(world):
    assert add(world, "@Müller-Bau.example")
    assert check(world, "info@xn--mller-bau-q9a.example") == [(None, "operator")]
    assert check(world, "@müller-bau.example") == [(None, "operator")]
    assert remove(world, "@müller-bau.example") == ["operator"]
    assert check(world, "info@müller-bau.example") == []


def test_hashes_are_kept_under_every_key(world):
    add(world, "anna@person.example", keys=TWO_KEYS)
    assert world.run("SELECT hash_key_id FROM suppressions ORDER BY 1") == [(1,), (2,)]
    assert check(world, "anna@person.example") == [(None, "operator")]
    assert remove(world, "anna@person.example") == ["operator"]
    assert world.run("SELECT * FROM suppressions") == []


def test_no_address_stands_in_the_audit(world):
    add(world, "anna@person.example", tenant="acme")
    remove(world, "anna@person.example", tenant="acme")
    assert [(actor, act) for actor, act, _ in acts(world)] == [
        ("olga", "suppressed"),
        ("olga", "suppression lifted"),
    ]
    assert all(subject.startswith("person ") and "anna" not in subject for _, _, subject in acts(world))
    assert "anna" not in str(world.run("SELECT details FROM audit"))


@pytest.mark.parametrize(("reason", "consent", "lifted"), [
    ("operator", None, True), ("hard", None, True), ("unsubscribe", None, False), ("unsubscribe", "  ", False),
    ("unsubscribe", "form at the fair, 2 Nov 2026", True), ("complaint", None, False), ("complaint", "by phone", True),
    ("erasure", "by phone", False), ("legal", "by phone", False),
])  # fmt: skip
def test_who_said_never_again_must_say_yes_again(world, reason, consent, lifted):
    add(world, "anna@person.example", reason)
    if lifted:
        assert remove(world, "anna@person.example", consent=consent) == [reason]
    else:
        with pytest.raises(Refused, match=reason):
            remove(world, "anna@person.example", consent=consent)
    assert check(world, "anna@person.example") == ([] if lifted else [(None, reason)])
    assert may_lift(reason, new_consent=consent) is lifted


def test_lifting_for_one_tenant_leaves_the_others(world):
    add(world, "anna@person.example", tenant="acme")
    add(world, "anna@person.example")
    assert remove(world, "anna@person.example", tenant="acme") == ["operator"]
    assert check(world, "anna@person.example") == [(None, "operator")]


@pytest.mark.parametrize(
    "whom", ["", "anna", "anna@", "@", "a b@c.example", "@nodot", "anna@person.example,b@person.example"]
)
def test_what_is_neither_an_address_nor_a_domain_is_refused(world, whom):
    with pytest.raises(Refused, match="neither an address nor @domain"):
        add(world, whom)


def test_an_unknown_tenant_is_refused(world):
    with pytest.raises(Refused, match="there is no tenant nobody"):
        add(world, "anna@person.example", tenant="nobody")


@pytest.mark.parametrize("reason", REASONS)
def test_what_never_ends_cannot_be_given_an_end(world, reason):
    now = world.now()
    assert (refusal(reason, now + timedelta(days=1), now=now) is None) == (reason not in FOR_EVER)
    assert refusal(reason, None, now=now) is None
    assert refusal("spite", None, now=now)


@pytest.mark.parametrize("until", [datetime(2020, 1, 1, tzinfo=UTC), None])
def test_what_is_over_already_is_no_suppression(world, until):
    with pytest.raises(Refused, match="not in the future"):
        add_until(world, until or world.now())
    assert (world.suppressed(), acts(world)) == ([], [])


def test_what_has_lapsed_stands_anew(world):
    add_until(world, world.now() + timedelta(days=1))
    world.run(
        "UPDATE suppressions SET since = since - interval '2 days', expires_at = expires_at - interval '2 days'"
    )
    assert check(world, "anna@person.example") == []
    assert add_until(world, None) is True
    assert check(world, "anna@person.example") == [(None, "operator")]
    assert world.one("SELECT since > mailfleet.business_now() - interval '1 day' FROM suppressions")


@pytest.mark.parametrize("whom", ["anna@person.example", "@person.example"])
@pytest.mark.parametrize(("first", "second", "kept"), [
    (1, 9, 9), (9, 1, 9), (1, None, None), (None, 1, None), (9, 9, 9), (None, None, None),
])  # fmt: skip
def test_the_later_end_of_two_is_kept(world, whom, first, second, kept):
    now = world.now()
    first, second, kept = (days and now + timedelta(days=days) for days in (first, second, kept))
    assert add_until(world, first, whom) is True
    assert add_until(world, second, whom) is (kept != first)
    assert world.run("SELECT expires_at FROM suppressions") == [(kept,)]


def test_intake_is_told_whom_it_may_not_take(world):
    add(world, "anna@person.example", tenant="acme")
    add(world, "@rival.example")
    hashes = suppress.target(KEYS, "anna@person.example").all
    with world.engine.connect() as conn:
        now = clock.now(conn)
        ours = suppressions.forbidden(
            conn,
            tenant_id=world.ids["acme"],
            hashes=[*hashes, b"x" * 16],
            domains=["rival.example", "y.example"],
            now=now,
        )
        theirs = suppressions.forbidden(
            conn, tenant_id=world.ids["zeta"], hashes=hashes, domains=["rival.example"], now=now
        )
    assert ours == {"rival.example": "operator", **dict.fromkeys(hashes, "operator")}
    assert theirs == {"rival.example": "operator"}


def test_a_list_of_what_is_not_there_is_refused(world):
    add(world, "anna@person.example", tenant="acme")
    with world.engine.connect() as conn:
        assert len(suppress.listed(conn, tenant="acme", reason="operator", limit=9)) == 1
        assert suppress.listed(conn, tenant="zeta", reason=None, limit=9) == []
        with pytest.raises(Refused, match="there is no tenant nope"):
            suppress.listed(conn, tenant="nope", reason=None, limit=9)
        with pytest.raises(Refused, match="reason nope is none of"):
            suppress.listed(conn, tenant=None, reason="nope", limit=9)


GOOD = "kind,value,tenant,reason,until\naddress,anna@person.example,,hard,\ndomain,rival.example,acme,operator,2099-12-31\n"


def test_a_file_is_taken_once(world, tmp_path):
    file = tmp_path / "s.csv"
    file.write_text(GOOD)
    assert import_file(world.engine, KEYS, file, "olga") == {"rows": 2, "new": 2, "known": 0}
    assert import_file(world.engine, KEYS, file, "olga") == {"rows": 2, "new": 0, "known": 2}
    assert world.suppressed() == [("acme", "operator"), (None, "hard")]


@pytest.mark.parametrize("value", ["rival.example", "@rival.example"])
def test_a_domain_in_a_file_is_written_with_or_without_its_at(world, tmp_path, value):
    file = tmp_path / "s.csv"
    file.write_text(f"kind,value,tenant,reason,until\ndomain,{value},,operator,\n")
    import_file(world.engine, KEYS, file, "olga")
    assert world.run("SELECT kind, domain FROM suppressions") == [("domain", "rival.example")]


def test_the_demos_suppressions_are_all_taken(world):
    for slug in ("northwind", "vektor", "atlas"):
        world.run("INSERT INTO tenants (slug, name, created_at) VALUES (:slug, :slug, now())", slug=slug)
    counts = import_file(
        world.engine, KEYS, Path(__file__).parents[2] / "examples" / "suppressions.csv", "demo"
    )
    assert counts["rows"] == counts["new"] >= 29


@pytest.mark.parametrize(("row", "says"), [
    ("address,anna,,hard,", "line 3: neither an address"), ("address,a@b.example,,spite,", "line 3: reason spite"),
    ("address,a@b.example,nobody,hard,", "line 3: there is no tenant nobody"), ("mailbox,a@b.example,,hard,", "line 3: it needs 5 columns"),
    ("address,a@b.example,,hard,soon", "line 3: until must be a date"), ("address,a@b.example,,legal,2099-01-01", "line 3: a suppression for legal never ends"),
    ("address,a@b.example,,hard,2020-01-01", "line 3: its end is not in the future"),
    ("address,@rival.example,,hard,", "line 3: @rival.example is a domain"),
    ("address,a@b.example,,hard,,extra", "line 3: it needs 5 columns"), ("address", "line 3: neither an address"), ('address,"a@b.example,,hard,', "after line"),
])  # fmt: skip
def test_a_file_with_one_wrong_row_is_not_taken_at_all(world, tmp_path, row, says):
    file = tmp_path / "s.csv"
    file.write_text(f"kind,value,tenant,reason,until\naddress,anna@person.example,,hard,\n{row}\n")
    with pytest.raises(Refused, match=says):
        import_file(world.engine, KEYS, file, "olga")
    assert (world.suppressed(), acts(world)) == ([], [])


@pytest.mark.parametrize(("content", "says"), [
    (None, "cannot be read"), (b"", "first line must be"), (b"\xff\xfe\x00", "not UTF-8"), (b"a,b\n", "first line must be"),
])  # fmt: skip
def test_a_file_that_is_none_is_refused(world, tmp_path, content, says):
    file = tmp_path / "s.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Refused, match=says):
        import_file(world.engine, KEYS, file, "olga")


def test_a_stop_is_in_the_audit_with_its_reason_and_once(world):
    with world.engine.begin() as conn:
        assert stop(conn, "mailbox", "anna@acme.example", reason="it is on fire", actor="olga")
        assert not stop(conn, "mailbox", "anna@acme.example", reason="it is on fire", actor="olga")
        assert unstop(conn, "mailbox", "anna@acme.example", actor="ivan") == ["operator"]
        assert unstop(conn, "mailbox", "anna@acme.example", actor="ivan") == []
    assert acts(world) == [
        ("olga", "stopped", "mailbox anna@acme.example"),
        ("ivan", "let go", "mailbox anna@acme.example"),
    ]


def test_a_stop_that_has_run_out_can_be_made_again(world):
    with world.engine.begin() as conn:
        stop(conn, "tenant", "acme", reason="a test", actor="olga", until=clock.now(conn) + timedelta(days=1))
    world.run("UPDATE stops SET since = since - interval '2 days', until = until - interval '2 days'")
    with world.engine.begin() as conn:
        assert stop(conn, "tenant", "acme", reason="a test", actor="olga")


def test_a_stop_that_is_over_already_is_refused(world):
    with world.engine.begin() as conn, pytest.raises(Refused, match="not in the future"):
        stop(conn, "tenant", "acme", reason="a test", actor="olga", until=clock.now(conn))


@pytest.mark.parametrize(("first", "second", "kept"), [
    (1, 9, 9), (9, 1, 9), (1, None, None), (None, 1, None), (9, 9, 9), (None, None, None),
])  # fmt: skip
def test_a_second_stop_says_its_reason_and_never_ends_sooner(world, first, second, kept):
    now = world.now()
    first, second, kept = (days and now + timedelta(days=days) for days in (first, second, kept))
    with world.engine.begin() as conn:
        assert stop(conn, "tenant", "acme", reason="a test", actor="olga", until=first)
        assert stop(conn, "tenant", "acme", reason="another", actor="ivan", until=second)
        assert not stop(conn, "tenant", "acme", reason="another", actor="ivan", until=second)
    assert world.run("SELECT reason, actor, until FROM stops") == [("another", "ivan", kept)]
    assert world.run("SELECT actor, details->>'until' FROM audit ORDER BY seq") == [
        ("olga", first and str(first)), ("ivan", kept and str(kept)),
    ]  # fmt: skip


def test_a_lead_file_is_let_go_by_the_name_it_is_listed_with(world):
    number = world.ids["acme import"]
    incident = world.one(
        "INSERT INTO incidents (scope, scope_id, action, cause, evidence, since, ends_when) "
        "VALUES ('import', :id, 'pause', 'bounce rate', '{}', now(), 'a person') RETURNING incident_id",
        id=number,
    )
    new = NewStop("import", number, world.ids["acme"], "breaker", "bounces", "breaker", None, incident)
    with world.engine.begin() as conn:
        stops.stop(conn, new, now=world.now())
        (listed,) = stops.listed(conn, now=world.now())
        assert (listed.scope, listed.name) == ("import", f"acme/acme.csv#{number}")
        assert stop(conn, "import", listed.name, reason="bought", actor="olga")
        assert unstop(conn, "import", listed.name, actor="olga") == ["breaker", "operator"]
        assert stops.listed(conn, now=world.now()) == []
    assert world.run("SELECT 1 FROM incidents WHERE ended_at IS NULL") == []


@pytest.mark.parametrize(("scope", "name"), [
    ("tenant", "nobody"), ("campaign", "spring"), ("campaign", "acme/autumn"), ("mailbox", "x@y.example"), ("domain", "y.example"),
    ("egress", "z"), ("node", "node-9"), ("import", "acme.csv"), ("import", "acme/acme.csv#0"), ("planet", "mars"),
])  # fmt: skip
def test_what_is_not_there_cannot_be_stopped(world, scope, name):
    with world.engine.begin() as conn, pytest.raises(Refused):
        stop(conn, scope, name, reason="a test", actor="olga")


# the command itself
def mailfleet(world: World, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    for name, ring in (
        ("encryption_keys", KEYS.seal),
        ("token_keys", KEYS.tokens),
        ("hash_keys", KEYS.hashes),
    ):
        if not (folder / name).exists():
            write_keyring(folder / name, ring.keys[1])
    environ = {"PATH": os.environ["PATH"], "DATABASE_URL": world.ledger.url("control"), "MAILFLEET_ACTOR": "olga",
               "DATABASE_NODE_URL": world.ledger.url("node-1"), "NODE_NAME": "node-1", "POSTFIX_LOG": str(folder / "log"),
               "POSTFIX_BIN_DIR": str(folder), **{name.upper(): str(folder / name) for name in ("encryption_keys", "token_keys", "hash_keys")}}  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "mailfleet", *words],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.slow
def test_the_commands_do_what_they_say(world, tmp_path):
    world.message(state="unknown")
    (tmp_path / "s.csv").write_text(GOOD)

    def run(*words: str) -> str:
        done = mailfleet(world, tmp_path, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert run("suppress", "import", str(tmp_path / "s.csv")) == "2 rows: 2 new, 0 known"
    assert (
        run("suppress", "add", "boris@person.example", "--tenant", "acme", "--reason", "unsubscribe")
        == "Suppressed"
    )
    found = json.loads(run("suppress", "check", "boris@person.example", "--json"))
    assert [(one["tenant"], one["reason"], one["by"]) for one in found] == [("acme", "unsubscribe", "olga")]
    assert len(json.loads(run("suppress", "list", "--json"))) == 3
    assert (
        run("suppress", "remove", "boris@person.example", "--tenant", "acme", "--new-consent", "by phone")
        == "Lifted: unsubscribe"
    )
    assert run("stop", "campaign", "acme/spring", "--reason", "a test") == "Stopped: campaign acme/spring"
    assert [one["name"] for one in json.loads(run("stops", "--json"))] == ["acme/spring"]
    assert run("unstop", "campaign", "acme/spring") == "Let go: campaign acme/spring, held by operator"
    assert [one["tenant"] for one in json.loads(run("unknown", "list", "--json"))] == ["acme"]
    (tmp_path / "log").touch()
    assert "queue unknown" in run("node", "log")  # no postqueue answers here


@pytest.mark.slow
@pytest.mark.parametrize("words", [
    ("stop", "campaign", "acme/autumn", "--reason", "x"), ("unstop", "node", "node-9"), ("suppress", "add", "nobody"),
    ("suppress", "import", "/nowhere.csv"), ("suppress", "check", "@"),
    ("suppress", "list", "--tenant", "nope"), ("suppress", "list", "--reason", "nope"),
])  # fmt: skip
def test_a_wrong_name_is_one_line_and_exit_code_2(world, tmp_path, words):
    done = mailfleet(world, tmp_path, *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


@given(st.text())
def test_no_wish_is_too_strange(whom):
    try:
        found = suppress.target(KEYS, whom)
    except Refused:
        return
    assert found.domain or found.hashes
