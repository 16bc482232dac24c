"""On a node, under its own role: its log is read once, its queue is looked at, and what must not leave is pulled."""

# ruff: noqa: E501  (logs, reports and rows of real words are long)

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from mailfleet.acts.read_node import read_node
from mailfleet.acts.refused import Refused
from mailfleet.acts.stops import stop, unstop
from mailfleet.acts.take_feedback import drain
from mailfleet.probes import postfix
from mailfleet.probes.postfix import Cursor
from tests.feedback.given import KEYS, LOG, World

QIDS = [f"4cZ1Lx2KQBz3x{number}" for number in range(10)]


class Node:
    """A node's files: its log, and two executables that behave as Postfix's do on a queue kept in a file."""

    def __init__(self, folder: Path) -> None:
        self.log, self.queue, self.bin = folder / "mail.log", folder / "queue", folder / "bin"
        self.queue.write_text("")
        self.log.write_text("")
        self.bin.mkdir()
        self.tool(
            "postqueue",
            f'test "$*" = "-j" || exit 64; while read id; do echo "{{\\"queue_id\\": \\"$id\\"}}"; done < {self.queue}',
        )
        self.tool("postsuper", f'test "$*" = "-d -" || exit 64; while read id; do if grep -qx "$id" {self.queue}; then '
                  f'echo "postsuper: $id: removed" >&2; echo "Nov 24 15:23:15 node-1 postfix/postsuper[1]: $id: removed" >> {self.log}; fi; done')  # fmt: skip

    def tool(self, name: str, script: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def wrote(self, *lines: tuple[str, str], end: str = "\n") -> None:
        with self.log.open("a") as log:
            log.write("\n".join(LOG.format(program=program, text=text) for program, text in lines) + end)

    def took(self, world: World, number: int, qid: str) -> None:
        self.wrote(("cleanup", f"{qid}: message-id={world.message_id(number)}"),
                   ("qmgr", f"{qid}: from=<b@b.acme.example>, size=1, nrcpt=1 (queue active)"))  # fmt: skip

    def tried(self, qid: str, status: str = "sent (250 2.0.0 Ok)", dsn: str = "2.0.0") -> None:
        self.wrote(
            (
                "egress-1/smtp",
                f"{qid}: to=<anna@person.example>, relay=mx[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn={dsn}, status={status}",
            )
        )

    def read(self, world: World, role: str = "node-1", node: str = "node-1") -> dict[str, int]:
        return read_node(
            world.ledger.engine(role), KEYS, node=node, log=self.log, postqueue=self.bin / "postqueue"
        )


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def heartbeat(world: World) -> dict[str, object]:
    names = "postfix_up, queued, log_read_at > now() - interval '1 minute', queue_read_at > now() - interval '1 minute', log_cursor"
    return dict(
        zip(
            ("up", "queued", "read", "looked", "cursor"),
            world.run(f"SELECT {names} FROM heartbeats")[0],
            strict=True,
        )
    )


def test_lines_about_our_messages_are_stored_once_and_others_never(world, node):
    number = world.message(queue_ref=QIDS[0])
    node.took(world, number, QIDS[0])
    node.tried(QIDS[0])
    node.wrote(("cleanup", f"{QIDS[1]}: message-id=<stranger@else.example>"))
    node.tried(QIDS[1])
    assert node.read(world) == {"lines": 1, "named": 1, "queued": 0, "pulled": 0, "gone": 0}
    assert node.read(world) == {"lines": 0, "named": 0, "queued": 0, "pulled": 0, "gone": 0}
    assert world.run("SELECT queue_id, message_id, active FROM queue_ids") == [(QIDS[0], number, True)]
    drain(world.engine, KEYS)
    assert world.state(number) == "delivered"


def test_the_node_says_of_itself_what_it_saw(world, node):
    node.queue.write_text(f"{QIDS[3]}\n")
    assert node.read(world)["queued"] == 1
    found = heartbeat(world)
    assert (found["up"], found["queued"], found["read"], found["looked"]) == (True, [QIDS[3]], True, True)


def test_a_postfix_that_is_down_says_nothing_of_its_queue(world, node):
    node.queue.write_text(f"{QIDS[3]}\n")
    node.read(world)
    node.tool("postqueue", "echo 'postqueue: fatal: mail system is down' >&2; exit 69")
    world.run("UPDATE heartbeats SET queue_read_at = now() - interval '1 hour'")
    node.read(world)
    found = heartbeat(world)
    assert (found["up"], found["queued"], found["looked"]) == (False, [QIDS[3]], False)


def test_half_a_line_is_read_when_it_is_whole(world, node):
    number = world.message(queue_ref=QIDS[0])
    node.took(world, number, QIDS[0])
    line = LOG.format(
        program="smtp", text=f"{QIDS[0]}: to=<a@b.example>, relay=x, delay=1, dsn=2.0.0, status=sent (ok)"
    )
    node.log.open("a").write(line[:70])
    assert node.read(world)["lines"] == 0
    node.log.open("a").write(line[70:] + "\n")
    assert node.read(world)["lines"] == 1


def test_a_rotated_log_is_read_to_its_end_before_the_new_one(world, node):
    number = world.message(queue_ref=QIDS[0])
    node.took(world, number, QIDS[0])
    node.read(world)
    node.wrote(("qmgr", f"{QIDS[5]}: removed"))
    node.log.rename(node.log.with_name("mail.log.1"))
    node.tried(QIDS[0])
    assert node.read(world)["lines"] == 1
    assert heartbeat(world)["cursor"]["whole_since"].startswith("0001")
    os.rename(node.log.with_name("mail.log.1"), node.log.with_name("mail.log.2"))
    os.rename(node.log, node.log.with_name("mail.log.1"))
    node.took(world, number, QIDS[6])
    assert node.read(world)["named"] == 1
    assert heartbeat(world)["cursor"]["whole_since"].startswith("0001")


@pytest.mark.parametrize("lose", ["delete", "truncate"])
def test_a_log_of_which_something_is_lost_is_known_to_have_a_gap(world, node, lose):
    node.wrote(("qmgr", f"{QIDS[5]}: removed"), ("qmgr", f"{QIDS[6]}: removed"))
    node.read(world)
    if lose == "delete":
        node.log.unlink()
        node.log.with_name("other").write_text("")  # takes the inode
    node.log.write_text("")
    node.wrote(("qmgr", f"{QIDS[5]}: removed"))
    node.read(world)
    assert not heartbeat(world)["cursor"]["whole_since"].startswith("0001")


def test_a_long_log_is_read_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(postfix, "CHUNK", 100)
    log = tmp_path / "mail.log"
    log.write_bytes(
        b"".join(b"line %03d of a log\n" % number for number in range(50)) + b"x" * 250 + b"\nlast\nhalf"
    )
    place, seen, turns = Cursor(), [], 0
    while True:
        found = postfix.read_log(log, place)
        seen += found.lines
        if found.all:
            break
        place, turns = found.cursor, turns + 1
    assert len([line for line in seen if line.startswith(b"line")]) == 50
    assert seen[-1] == b"last"
    assert turns > 9


def test_what_a_stop_holds_is_pulled_out_of_the_queue_and_held(world, node):
    ours, others = world.message(queue_ref=QIDS[0]), world.message(queue_ref=QIDS[1], tenant="zeta")
    node.queue.write_text(f"{QIDS[0]}\n{QIDS[1]}\n{QIDS[7]}\n")
    node.took(world, ours, QIDS[0])
    node.took(world, others, QIDS[1])
    with world.engine.begin() as conn:
        stop(conn, "campaign", "acme/spring", reason="a test", actor="olga")
    assert node.read(world) == {"lines": 1, "named": 2, "queued": 3, "pulled": 1, "gone": 0}
    drain(world.engine, KEYS)
    assert (world.state(ours), world.state(others)) == ("held", "submitted")
    assert (
        world.one("SELECT reason FROM messages WHERE message_id = :id", id=ours) == "campaign stopped: a test"
    )


@pytest.mark.parametrize(
    "scope", ["tenant acme", "mailbox anna@acme.example", "domain acme.example", "egress post", "node node-1"]
)
def test_whatever_the_stop_holds_is_pulled(world, node, scope):
    world.message(queue_ref=QIDS[0])
    node.queue.write_text(f"{QIDS[0]}\n")
    with world.engine.begin() as conn:
        stop(conn, *scope.split(), reason="a test", actor="olga")
    assert node.read(world)["pulled"] == 1


def test_what_is_for_somebody_suppressed_is_pulled_and_dropped(world, node):
    number = world.message(queue_ref=QIDS[0])
    node.took(world, number, QIDS[0])
    node.queue.write_text(f"{QIDS[0]}\n")
    world.run("INSERT INTO suppressions (kind, tenant_id, person_hash, hash_key_id, reason, since, evidence, actor) "
              "SELECT 'address', tenant_id, person_hash, 1, 'unsubscribe', now(), 'test', 'test' FROM messages")  # fmt: skip
    assert node.read(world)["pulled"] == 1
    drain(world.engine, KEYS)
    assert world.state(number) == "dropped"


FORBIDDEN = {
    "a suppressed person": """INSERT INTO suppressions (kind, person_hash, hash_key_id, reason, since, evidence, actor)
                              SELECT 'address', person_hash, 1, 'hard', now(), 'x', 'x' FROM messages""",
    "a suppressed domain": """INSERT INTO suppressions (kind, domain, reason, since, evidence, actor)
                              VALUES ('domain', 'person.example', 'legal', now(), 'x', 'x')""",
    "one who answered": "UPDATE enrolments SET state = 'ended', ended = 'answered', ended_at = now()",
}
HARMLESS = {
    "a domain that another tenant must not write to": """
        INSERT INTO suppressions (kind, tenant_id, domain, reason, since, evidence, actor)
        SELECT 'domain', tenant_id, 'person.example', 'objection', now(), 'x', 'x' FROM tenants WHERE slug = 'zeta'""",
    "a thread that is at its end": "UPDATE enrolments SET state = 'ended', ended = 'finished', ended_at = now()",
}


@pytest.mark.parametrize("state", ["submitted", "unknown"])
@pytest.mark.parametrize("what", [*FORBIDDEN, *HARMLESS])
def test_what_the_gate_would_not_let_go_is_pulled_and_nothing_else(world, node, what, state):
    number = world.message(state=state, queue_ref=QIDS[0] if state == "submitted" else None)
    world.queue_id(number, QIDS[0])
    node.queue.write_text(f"{QIDS[0]}\n")
    world.run({**FORBIDDEN, **HARMLESS}[what])
    assert node.read(world)["pulled"] == (what in FORBIDDEN)


def test_what_left_before_it_could_be_pulled_is_reported_as_gone(world, node):
    number = world.message(queue_ref=QIDS[0])
    node.tool("postqueue", f"echo '{json.dumps({'queue_id': QIDS[0]})}'")
    with world.engine.begin() as conn:
        stop(conn, "tenant", "acme", reason="a test", actor="olga")
    found = node.read(world)
    assert (found["pulled"], found["gone"]) == (0, 1)
    assert world.state(number) == "submitted"


def test_what_was_let_go_is_not_pulled(world, node):
    world.message(queue_ref=QIDS[0])
    node.queue.write_text(f"{QIDS[0]}\n")
    with world.engine.begin() as conn:
        stop(conn, "tenant", "acme", reason="a test", actor="olga")
        unstop(conn, "tenant", "acme", actor="olga")
        stop(conn, "campaign", "zeta/spring", reason="another's", actor="olga")
    assert node.read(world)["pulled"] == 0


def test_an_unknown_message_found_in_the_queue_is_pulled_as_well(world, node):
    number = world.message(state="unknown")
    node.took(world, number, QIDS[0])
    node.read(world)
    node.queue.write_text(f"{QIDS[0]}\n")
    with world.engine.begin() as conn:
        stop(conn, "tenant", "acme", reason="a test", actor="olga", until=world.now() + timedelta(days=1))
    assert node.read(world)["pulled"] == 1
    drain(world.engine, KEYS)
    assert world.state(number) == "held"


def test_a_queue_id_of_a_message_that_another_node_has_now_is_passed_over(world, node):
    mine, theirs = world.message(), world.message("bob@person.example")
    node.took(world, theirs, QIDS[1])
    node.read(world)
    world.run("UPDATE queue_ids SET active = false")
    world.run("UPDATE egresses SET node_id = :two WHERE name = 'direct'", two=world.ids["node-2"])
    world.run("UPDATE messages SET node_id = :two, egress_id = :direct WHERE message_id = :id", two=world.ids["node-2"],
              direct=world.ids["direct"], id=theirs)  # fmt: skip
    node.took(world, theirs, QIDS[1])
    node.took(world, theirs, QIDS[2])
    node.took(world, mine, QIDS[3])
    node.read(world)
    assert world.run("SELECT queue_id, message_id, active FROM queue_ids ORDER BY queue_id") == [
        (QIDS[1], theirs, False), (QIDS[3], mine, True),
    ]  # fmt: skip


def test_a_node_reads_its_own_log_only(world, node):
    with pytest.raises(Refused, match="there is no node node-2, or DATABASE_NODE_URL is another node's"):
        node.read(world, node="node-2")
    other = world.message()
    node.took(world, other, QIDS[0])
    assert node.read(world, role="node-2", node="node-2")["named"] == 1
    assert world.run("SELECT * FROM queue_ids") == []  # node-1's message is nothing to node-2


def test_a_log_that_is_not_there_yet_has_nothing_to_say(world, node):
    node.log.unlink()
    assert node.read(world)["lines"] == 0
    assert heartbeat(world)["read"] is None
