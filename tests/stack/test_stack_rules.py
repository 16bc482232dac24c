"""What the stack decides without starting anything."""

import os
import socket
from pathlib import Path

import pytest

from mailfleet.stack import binaries, machine, places, ports, prefect_server, processes, programs
from mailfleet.stack.binaries import Binaries
from mailfleet.stack.errors import StackError
from mailfleet.stack.postgres import Cluster
from mailfleet.stack.prefect_server import Server
from mailfleet.stack.programs import Program, Rank


@pytest.mark.parametrize(
    ("stat", "seen"),
    [
        ("7 (sleep) S 1 7 7" + " 0" * 15 + " 4711 9", processes.Seen(7, 1, 4711, dead=False)),
        ("8 (a) b) (c) Z 7 8 8" + " 0" * 15 + " 12 9", processes.Seen(8, 7, 12, dead=True)),
        ("9 () X 7 8 8" + " 0" * 15 + " 12 9", processes.Seen(9, 7, 12, dead=True)),
    ],
)
def test_a_process_is_read_whatever_it_calls_itself(stat: str, seen: processes.Seen) -> None:
    assert processes.parsed(stat) == seen


def test_a_process_that_never_was_is_not_alive() -> None:
    assert not processes.alive(2**22 + 1)


def test_a_later_process_under_the_same_number_is_another_one() -> None:
    me = processes.look(os.getpid())
    assert me
    assert processes.alive(me.pid, me.started)
    assert not processes.alive(me.pid, me.started - 1)


def test_two_clones_never_share_a_folder(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for uid in (0, 1000):
        assert places.root_of(one, uid) != places.root_of(other, uid)
    assert places.root_of(one, 1000) == one / ".mailfleet"
    assert places.root_of(one, 0).parent == Path("/var/lib/mailfleet")


def test_a_folder_is_open_to_others_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        made = places.open_folder(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (made, made.parent)] == [0o755, 0o755]


def test_a_free_port_lies_below_the_kernels_own() -> None:
    assert ports.FIRST <= ports.free_port() < ports.ephemeral_start()


def test_a_wished_port_is_given_until_somebody_has_it() -> None:
    wished = ports.free_port()
    assert ports.free_port(wished) == wished
    with socket.create_server(("127.0.0.1", wished)):
        assert ports.free_port(wished) != wished


def test_the_named_programs_come_before_the_wheels() -> None:
    assert binaries.first_of_chain("/opt/mine") == Path("/opt/mine")
    assert binaries.first_of_chain(None) == binaries.in_wheel()[0]


def test_programs_that_are_not_there_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="set PG_BIN to a folder") as refused:
        binaries.find(tmp_path, None, str(tmp_path))
    assert "\n" not in str(refused.value)


def test_a_url_knows_only_the_superusers_password(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, 15432, "s/e:c@ret", Binaries(tmp_path, 18))
    assert cluster.url("postgres") == "postgresql://postgres:s%2Fe%3Ac%40ret@127.0.0.1:15432/postgres"
    assert cluster.url("x", "control") == "postgresql://control@127.0.0.1:15432/x"
    assert cluster.url("x", "control", "p") == "postgresql://control:p@127.0.0.1:15432/x"
    assert "ret" not in repr(cluster)


def test_a_program_survives_the_way_to_the_supervisor(tmp_path: Path) -> None:
    program = Program(
        "a", ("b", "c"), {"D": "e"}, tmp_path / "log", tmp_path, Rank.WEB, places.Account(7, 8), stop=2
    )
    assert programs.from_json(program.as_json()) == program


def test_a_users_own_prefect_settings_reach_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_KEY", "theirs")
    monkeypatch.setenv("DATABASE_URL", "postgresql://theirs")
    told = Server(tmp_path, 4200, "postgresql://prefect:secret@127.0.0.1/prefect").environment()
    assert "theirs" not in "".join(told.values())
    assert "secret" not in "".join(told.values())
    assert told["PREFECT_HOME"].startswith(str(tmp_path))


OPERATORS = {
    "MAILDIR_ROOT": "/srv/mail",
    "POSTFIX_LOG": "/var/log/postfix.log",
    "DNS_SERVERS": "127.0.0.1:53",
    "DATA_REGIONS": "DE",
    "SLACK_WEBHOOK_URL": "http://127.0.0.1:9/x",
}


def test_an_operators_settings_reach_workers_and_shell_and_another_ledger_or_server_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = ("DATABASE_URL", "PREFECT_API_URL", "PGHOST")
    for name, value in {**OPERATORS, **dict.fromkeys(strange, "strange")}.items():
        monkeypatch.setenv(name, value)
    server = Server(tmp_path, 4200, "postgresql://x@127.0.0.1/prefect")
    told = prefect_server.worker(server, "node-1", pool="senders", queue="node-1", limit=1, env={}).env
    assert told.items() >= OPERATORS.items()
    assert "strange" not in {told.get(name) for name in strange}
    shown = machine.write_settings(tmp_path, server.environment()).read_text()
    for name, value in OPERATORS.items():
        assert f"{name}={value}\n" in shown
