"""`postqueue` and `postsuper` of a node: `tools.py NAME PORT NODE ARGUMENTS…`, a program of its own."""

import json
import socket
import sys
import time
from itertools import pairwise

UNAVAILABLE = 69  # EX_UNAVAILABLE


def ask(port: int, command: str, *lines: str) -> list[str]:
    """The sandbox's answer to a command; an empty line ends ours, the end of the stream its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall("".join(f"{part}\n" for part in (command, *lines, "")).encode())
        with line.makefile(encoding="utf-8") as answer:
            return answer.read().splitlines()


def postqueue(port: int, node: str, arguments: list[str]) -> int:
    """List the queue: `-j` for programs, `-p` for people."""
    rows = ask(port, f"queue {node}")
    if "-j" in arguments:
        print("".join(f"{row}\n" for row in rows), end="")
    elif "-p" in arguments:
        print(listing([json.loads(row) for row in rows]))
    else:
        print("usage: postqueue -j | -p", file=sys.stderr)
        return 64
    return 0


def listing(rows: list[dict[str, object]]) -> str:
    """The listing for people."""
    if not rows:
        return "Mail queue is empty"
    head = "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------"
    kilobytes = sum(int(str(row["message_size"])) for row in rows) // 1024
    end = f"-- {kilobytes} Kbytes in {len(rows)} Request{'s' if len(rows) > 1 else ''}."
    return "\n".join([head, *map(entry, rows), end])


def entry(row: dict[str, object]) -> str:
    """One message with its recipients and an empty line."""
    mark = {"active": "*", "hold": "!"}.get(str(row["queue_name"]), "")
    arrived = time.ctime(float(str(row["arrival_time"])))[:19]
    recipients = row["recipients"]
    assert isinstance(recipients, list)
    lines = [f"{row['queue_id']!s}{mark}".ljust(17) + f" {row['message_size']:>8} {arrived} {row['sender']}"]
    return "\n".join([*lines, *(f"{'':17} {'':8} {'':19} {each['address']}" for each in recipients), ""])


def postsuper(port: int, node: str, arguments: list[str]) -> int:
    """Delete from the queue: `-d ID`, `-d ALL`, or `-d -` with ids on standard input."""
    wanted = [word for flag, word in pairwise(arguments) if flag == "-d"]
    if not wanted:
        print("usage: postsuper -d queue_id", file=sys.stderr)
        return 64
    qids = [qid for word in wanted for qid in (sys.stdin.read().split() if word == "-" else [word])]
    gone = ask(port, f"delete {node}", *qids)
    for qid in gone:
        print(f"postsuper: {qid}: removed", file=sys.stderr)
    if gone:
        print(f"postsuper: Deleted: {len(gone)} message{'s' if len(gone) > 1 else ''}", file=sys.stderr)
    return 0


DOWN = {
    "postqueue": "postqueue: fatal: Queue report unavailable - mail system is down",
    "postsuper": "postsuper: fatal: the Postfix mail system is down",
}


def main(name: str, port: str, node: str, *arguments: str) -> int:
    """Run one of the two tools."""
    tool = {"postqueue": postqueue, "postsuper": postsuper}[name]
    try:
        return tool(int(port), node, list(arguments))
    except OSError:
        print(DOWN[name], file=sys.stderr)
        return UNAVAILABLE


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
