"""The sandbox as a process: it says when it is ready, ends when it should, and forgets nothing it took."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest

from tests.sandbox.town import BEHAVIOURS, LETTER, RECEIVERS

PATIENCE = 15.0


def waited(true: Any) -> bool:
    """Whether this became true in time."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return False


@contextmanager
def process(
    folder: Path, *arguments: str, **how: Any
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """A sandbox process and what its ready file says."""
    (folder / "r.csv").write_text(RECEIVERS)
    (folder / "b.csv").write_text(BEHAVIOURS)
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    tables = ["--receivers", str(folder / "r.csv"), "--behaviours", str(folder / "b.csv")]
    places = ["--dir", str(folder / "run"), "--ready", str(ready), "--receipts", str(folder / "receipts")]
    command = [sys.executable, "-m", "sandbox", *tables, *places, "--nodes", "node-1:2,node-2:1", *arguments]
    running = subprocess.Popen(command, **how)
    try:
        assert waited(ready.exists), "never ready"
        yield running, json.loads(ready.read_text())
    finally:
        running.kill()
        running.wait()


def hand(port: int, rcpt: str, number: int) -> None:
    letter = LETTER.format(rcpt=rcpt, number=number, token="t").replace("\n", "\r\n").encode()
    with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as client:
        client.sendmail("b@b.nw.example", [rcpt], letter)


def ask(port: int, line: str) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as control:
        control.sendall(f"{line}\n\n".encode())
        with control.makefile() as answer:
            return answer.read()


def booked(folder: Path) -> list[str]:
    files = (folder / "receipts").glob("*.jsonl")
    return [json.loads(line)["rcpt_to"] for path in files for line in path.read_text().splitlines()]


def test_the_ready_file_says_where_everything_is(tmp_path: Path) -> None:
    with process(tmp_path) as (running, places):
        assert list(places) == ["dns_port", "receivers_port", "control_port", "nodes", "maildirs", "receipts"]
        assert [len(node["ports"]) for node in places["nodes"].values()] == [2, 1]
        hand(places["receivers_port"], "a@gm.example", 1)
        assert booked(tmp_path) == ["a@gm.example"]
        assert os.access(f"{places['nodes']['node-2']['bin']}/postqueue", os.X_OK)
        running.send_signal(signal.SIGTERM)
        assert running.wait(PATIENCE) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_even_while_letters_are_on_their_way(tmp_path: Path, number: int) -> None:
    with process(tmp_path) as (running, places):
        hand(places["receivers_port"], "a.writes@gm.example", 1)
        hand(places["nodes"]["node-1"]["ports"][0], "a.slow@gm.example", 2)
        running.send_signal(number)
        assert running.wait(PATIENCE) == 0


def test_the_end_of_the_parents_pipe_ends_it(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    with process(tmp_path, "--parent-fd", str(read_end), pass_fds=[read_end]) as (running, _):
        os.close(read_end)
        assert running.poll() is None
        os.close(write_end)
        assert running.wait(PATIENCE) == 0


def test_what_a_killed_node_had_queued_is_delivered_once_by_the_next(tmp_path: Path) -> None:
    with process(tmp_path) as (running, places):
        hand(places["nodes"]["node-1"]["ports"][0], "before@gm.example", 1)
        ask(places["control_port"], "quiet")
        ask(places["control_port"], "hold node-1")
        for number in range(5):
            hand(places["nodes"]["node-1"]["ports"][1], f"a{number}@gm.example", 10 + number)
        running.kill()
        running.wait()
    assert booked(tmp_path) == ["before@gm.example"]
    with process(tmp_path) as (_, places):
        assert ask(places["control_port"], "quiet") == "quiet\n"
        assert sorted(booked(tmp_path)) == [
            "a0@gm.example",
            *(f"a{n}@gm.example" for n in range(1, 5)),
            "before@gm.example",
        ]


def test_what_was_booked_before_the_kill_is_not_delivered_again(tmp_path: Path) -> None:
    with process(tmp_path) as (_, places):
        ask(places["control_port"], "hold node-1")
        hand(places["nodes"]["node-1"]["ports"][0], "a@gm.example", 1)
        queue = tmp_path / "run/nodes/node-1/queue"
        (file,) = queue.iterdir()
        kept = file.read_bytes()
        ask(places["control_port"], "release node-1")
        ask(places["control_port"], "quiet")
        assert list(queue.iterdir()) == []
    file.write_bytes(kept)  # as if it was killed between the receiver's receipt and its own record
    with process(tmp_path) as (_, places):
        ask(places["control_port"], "quiet")
        assert list(queue.iterdir()) == []
    assert booked(tmp_path) == ["a@gm.example"]


def test_the_tools_of_a_node_that_is_down_say_so(tmp_path: Path) -> None:
    with process(tmp_path) as (_, places):
        tools = Path(places["nodes"]["node-1"]["bin"])
    for name, arguments in (("postqueue", ["-j"]), ("postsuper", ["-d", "ALL"])):
        done = subprocess.run([tools / name, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert done.stdout == ""
        assert "mail system is down" in done.stderr


@pytest.mark.parametrize(
    ("table", "text", "said"),
    [
        (
            "r.csv",
            "domain,receiver,mx,answer\nx.example,other,,maybe\n",
            "r.csv:2: answer 'maybe' is not known",
        ),
        (
            "b.csv",
            "pattern,behaviour,final_states,note\n*,explode,,\n",
            "b.csv:2: behaviour 'explode' is not known",
        ),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(tmp_path: Path, table: str, text: str, said: str) -> None:
    (tmp_path / "r.csv").write_text(RECEIVERS)
    (tmp_path / "b.csv").write_text(BEHAVIOURS)
    (tmp_path / table).write_text(text)
    tables = ["--receivers", str(tmp_path / "r.csv"), "--behaviours", str(tmp_path / "b.csv")]
    command = [sys.executable, "-m", "sandbox", "--dir", str(tmp_path), *tables]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_direct_port_takes_300_messages_a_second_from_10_connections(tmp_path: Path) -> None:
    letter = LETTER.format(rcpt="a@gm.example", number=1, token="t") + ("x" * 70 + "\r\n") * 45

    async def client(port: int, number: int) -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as line:
            for each in range(100):
                await line.sendmail("b@b.nw.example", [f"a{number}x{each}@gm.example"], letter.encode())

    async def all_clients(port: int) -> float:
        began = time.monotonic()
        await asyncio.gather(*(client(port, number) for number in range(10)))
        return 1000 / (time.monotonic() - began)

    with process(tmp_path) as (_, places):
        rate = asyncio.run(all_clients(places["receivers_port"]))
    print(f"{rate:.0f} messages a second")
    assert rate >= 300
    assert len(booked(tmp_path)) == 1000


def test_a_maildir_is_read_by_others_as_a_maildir(tmp_path: Path) -> None:
    with process(tmp_path) as (_, places):
        hand(places["receivers_port"], "a.writes@gm.example", 1)
        ask(places["control_port"], "quiet")
        folder = Path(places["maildirs"]) / "mail.nw.example"
        assert sorted(path.name for path in folder.iterdir()) == ["cur", "new", "tmp"]
        assert list((folder / "tmp").iterdir()) == []
        (path,) = (folder / "new").iterdir()
        data = path.read_bytes()
        assert b"\r" not in data
        mail = BytesParser().parsebytes(data)
        assert (mail["Return-Path"], mail["Delivered-To"]) == (
            "<a.writes@gm.example>",
            "anna@mail.nw.example",
        )
