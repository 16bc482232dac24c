"""What the sandbox is told on its command line."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """One run of the sandbox, as asked for."""

    directory: Path
    receivers: Path
    behaviours: Path
    ready: Path | None = None
    web_port: int | None = None
    receipts: Path | None = None
    nodes: tuple[tuple[str, int], ...] = ()
    every_domain: bool = False
    parent_fd: int | None = None
    seed: int = 7


def nodes(text: str) -> tuple[tuple[str, int], ...]:
    """`node-1:2,node-2:4` as names with their number of egresses."""
    try:
        pairs = [part.rsplit(":", 1) for part in text.split(",") if part]
        return tuple((name, int(count)) for name, count in pairs)
    except ValueError as wrong:
        raise ArgumentTypeError(f"{text!r} is not of the form node-1:2,node-2:2") from wrong


def read(arguments: Sequence[str]) -> Options:
    """The options in these arguments; argparse itself ends the process on a wrong one."""
    parser = ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--dir", dest="directory", type=Path, required=True, help="where all its files lie")
    parser.add_argument("--receivers", type=Path, required=True, help="table: domain,receiver,mx,answer")
    parser.add_argument("--behaviours", type=Path, required=True, help="table: pattern,behaviour,…")
    parser.add_argument("--ready", type=Path, help="written with the ports when everything listens")
    parser.add_argument("--web-port", type=int, help="where one-click unsubscribes are posted")
    parser.add_argument("--receipts", type=Path, help="what receivers accepted; default DIR/receipts")
    parser.add_argument("--nodes", type=nodes, default=(), help="queueing hops: name:egresses,…")
    parser.add_argument("--every-domain", action="store_true", help="every name has an MX and takes mail")
    parser.add_argument("--parent-fd", type=int, help="read end of a pipe; its end ends the sandbox")
    parser.add_argument("--seed", type=int, default=7, help="of every random choice")
    return Options(**vars(parser.parse_args(arguments)))
