"""The public service, as a process of its own on loopback: what mail programs, scanners and people do to it."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from mailfleet.acts.take_feedback import drain
from mailfleet.mail.ids import Token, write_token
from mailfleet.settings.keys import write_keyring
from tests.feedback.given import KEYS, World, world_of

FORM = ("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click")
PARTS = (
    "multipart/form-data; boundary=b",
    b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n',
)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def serving(database_url: str, folder: Path) -> Iterator[int]:
    """The service's port, while it runs."""
    keys, port = folder / "tokens.json", free_port()
    write_keyring(keys, KEYS.tokens.keys[1])
    environ = {
        "PATH": os.environ["PATH"],
        "DATABASE_WEB_URL": database_url,
        "TOKEN_KEYS": str(keys),
        "WEB_PORT": str(port),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "mailfleet.web"], env=environ, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "running on" in line:
                break
        try:
            yield port
        finally:
            process.terminate()
            process.communicate(timeout=20)
    assert process.returncode in (0, -15)


@pytest.fixture(scope="module")
def place(template, tmp_path_factory) -> Iterator[tuple[World, int]]:
    """One ledger and one service for all of this file's tests."""
    import secrets

    from tests.conftest import Ledger, _admin, _drop

    fresh = Ledger(template.admin, f"test_{secrets.token_hex(6)}", template.roles)
    with _admin(template.admin) as admin:
        admin.exec_driver_sql(f"CREATE DATABASE {fresh.name} TEMPLATE {template.name} STRATEGY wal_log")
        with serving(fresh.url("web"), tmp_path_factory.mktemp("web")) as port:
            yield world_of(fresh), port
        _drop(admin, fresh.name)


def ask(
    port: int, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, http.client.HTTPMessage, str]:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        line.request(
            method, path, body or None, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        line.close()


def wishes(world: World, who: bytes) -> int:
    return int(
        world.one(
            "SELECT count(*) FROM suppressions WHERE person_hash = :who AND reason = 'unsubscribe'", who=who
        )
    )


def token_of(world: World, who: bytes, *, tenant: str = "acme", number: int = 77) -> str:
    return write_token(KEYS.tokens.keys, Token(world.ids[tenant], number, who))


@pytest.mark.parametrize("kind", [FORM, PARTS, ("text/plain", b"")])
def test_a_post_unsubscribes_whatever_its_form(place, kind):
    world, port = place
    who = os.urandom(16)
    status, headers, _ = ask(
        port, "POST", f"/u/{token_of(world, who)}", kind[1], Content_Type=kind[0], Host="go.acme.example"
    )
    assert (status, headers["Location"]) == (200, None)
    assert wishes(world, who) == 1
    assert world.run("SELECT place FROM inbox ORDER BY inbox_id DESC LIMIT 1") == [("go.acme.example",)]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_scanner_that_follows_the_link_changes_nothing(place, method):
    world, port = place
    who = os.urandom(16)
    status, headers, page = ask(port, method, f"/u/{token_of(world, who)}")
    assert (status, wishes(world, who), headers["Location"]) == (200, 0, None)
    assert ('<form method="post">' in page) == (method == "GET")
    assert (
        world.one(
            "SELECT count(*) FROM inbox WHERE body LIKE :token", token=token_of(world, who).encode() + b"%"
        )
        == 0
    )


def test_the_button_of_the_page_unsubscribes(place):
    world, port = place
    who = os.urandom(16)
    path = f"/u/{token_of(world, who)}"
    _, _, page = ask(port, "GET", path, Accept_Language="ru-RU,ru;q=0.9")
    assert "Отписаться" in page
    assert ask(port, "POST", path, *FORM[1:], Content_Type=FORM[0])[0] == 200
    assert wishes(world, who) == 1


def test_a_post_twice_is_one_wish_and_one_row_in_the_inbox(place):
    world, port = place
    who = os.urandom(16)
    token = token_of(world, who)
    assert [ask(port, "POST", f"/u/{spelled}", FORM[1])[0] for spelled in (token, token, token.upper())] == [
        200,
        200,
        200,
    ]
    assert wishes(world, who) == 1
    assert world.one("SELECT count(*) FROM inbox WHERE body LIKE :token", token=token.encode() + b"%") == 1


def test_a_wish_lifted_and_made_again_counts_again(place):
    world, port = place
    who = os.urandom(16)
    for _ in range(2):
        world.run("DELETE FROM suppressions WHERE person_hash = :who", who=who)
        ask(port, "POST", f"/u/{token_of(world, who)}", FORM[1])
    assert wishes(world, who) == 1


def test_many_at_once_are_each_heard(place):
    world, port = place
    people = [os.urandom(16) for _ in range(30)] * 2
    with ThreadPoolExecutor(16) as pool:
        statuses = list(
            pool.map(lambda who: ask(port, "POST", f"/u/{token_of(world, who)}", FORM[1])[0], people)
        )
    assert set(statuses) == {200}
    assert sum(wishes(world, who) for who in set(people)) == 30


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/u/x", f"/u/{'a' * 61}", "/u/%00", "/u/", "/", "/docs"])
def test_what_is_no_token_of_ours_is_not_found(place, method, path):
    status, headers, _ = ask(place[1], method, path)
    assert (status, headers["Location"]) == (404, None)


def test_a_token_of_a_tenant_that_is_not_here_is_not_found(place):
    world, port = place
    assert (
        ask(port, "POST", f"/u/{write_token(KEYS.tokens.keys, Token(99_999, 1, os.urandom(16)))}")[0] == 404
    )
    assert world.one("SELECT count(*) FROM inbox WHERE place = ''") == 0


def test_a_body_that_is_too_large_is_refused(place):
    world, port = place
    who = os.urandom(16)
    assert ask(port, "POST", f"/u/{token_of(world, who)}", b"x" * 10_001)[0] == 413
    assert wishes(world, who) == 0


def test_pages_are_neither_kept_nor_told_on(place):
    _, headers, _ = ask(place[1], "GET", "/u/x")
    assert (headers["Cache-Control"], headers["Referrer-Policy"], headers["X-Robots-Tag"]) == (
        "no-store",
        "no-referrer",
        "noindex, nofollow",
    )


def test_an_unsubscribe_ends_what_was_planned_and_settles_the_unknown(place):
    world, port = place
    number = world.message("drop@person.example", "unknown", egress="direct")
    follow_up = world.message("drop@person.example", "planned", step="again")
    ask(port, "POST", f"/u/{world.token(number)}", FORM[1])
    drain(world.engine, KEYS)
    assert (world.state(number), world.state(follow_up), world.enrolment("drop@person.example")) == (
        "submitted",
        "dropped",
        "suppressed",
    )


def test_health_says_whether_the_database_is_there(place):
    assert ask(place[1], "GET", "/health")[0] == 200


def test_without_its_database_it_asks_to_come_back(template, tmp_path):
    import secrets

    from tests.conftest import Ledger, _admin

    fresh = Ledger(template.admin, f"test_{secrets.token_hex(6)}", template.roles)
    with _admin(template.admin) as admin:
        admin.exec_driver_sql(f"CREATE DATABASE {fresh.name} TEMPLATE {template.name} STRATEGY wal_log")
        with serving(fresh.url("web"), tmp_path) as port:
            admin.exec_driver_sql(f"DROP DATABASE {fresh.name} WITH (FORCE)")
            token = write_token(KEYS.tokens.keys, Token(1, 1, b"p" * 16))
            assert [ask(port, "GET", "/health")[0], ask(port, "POST", f"/u/{token}", FORM[1])[0]] == [
                503,
                503,
            ]


@pytest.mark.parametrize(("environ", "says"), [
    ({}, "DATABASE_WEB_URL is not set"),
    ({"DATABASE_WEB_URL": "postgresql://nobody@127.0.0.1:1/none", "TOKEN_KEYS": "/none"}, "database unreachable"),
    ({"WEB_PORT": "many"}, "WEB_PORT is wrong"),
])  # fmt: skip
def test_a_wrong_setting_is_one_line_and_exit_code_2(environ, says):
    done = subprocess.run(
        [sys.executable, "-m", "mailfleet.web"],
        env={"PATH": os.environ["PATH"]} | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n"), says in done.stderr) == (2, 1, True)


def test_the_role_of_the_service_reads_no_person(ledger):
    with ledger.engine("web").connect() as conn:
        for table in ("messages", "leads", "enrolments", "inbox", "tenants"):
            with pytest.raises(Exception, match="permission denied"), conn.begin_nested():
                conn.execute(text(f"SELECT * FROM mailfleet.{table}"))
