"""`python -m deployments.timetable` runs the demo's days and says how they go, a line of JSON for each step."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from prefect.client.orchestration import get_client

from db.engine import DatabaseRefused, Engine, open_engine
from deployments import demo_days
from deployments.apply import ServerRefused, known_nodes, must_answer, refuse
from deployments.days import NotADemo, Told, run_days
from deployments.runs import RunLost
from mailfleet.acts.keys import open_keys
from mailfleet.acts.suppression_file import import_file
from mailfleet.settings import Settings, SettingsRefused, load
from mailfleet.stack import outside

LOST = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when every run completed, 1 when one did not, 2 when nothing could begin."""
    told = _parser().parse_args(argv)
    logging.getLogger("prefect").setLevel(logging.ERROR)
    try:
        asyncio.run(_run(load(), told))
    except (SettingsRefused, DatabaseRefused, ServerRefused, NotADemo) as refused:
        return refuse(str(refused))
    except RunLost as lost:
        print(f"mailfleet: {lost}", file=sys.stderr)
        return LOST
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployments.timetable", description=__doc__)
    parser.add_argument(
        "--leads",
        action="append",
        default=[],
        type=_file,
        metavar="FILE=TENANT[/DIRECTION]",
        help="a lead file",
    )
    parser.add_argument(
        "--days", type=int, default=demo_days.DAYS, help="how many working days (default: %(default)s)"
    )
    parser.add_argument(
        "--opt-outs",
        type=Path,
        metavar="FILE",
        help="suppressions that arrive in the middle of the first day",
    )
    parser.add_argument(
        "--outside", type=Path, metavar="FOLDER", help="the sandbox's folder, to wait for its answers"
    )
    return parser


def _file(text: str) -> dict[str, str | None]:
    """The parameters of the file's import."""
    file, _, whose = text.rpartition("=")
    if not file:
        raise argparse.ArgumentTypeError("FILE=TENANT or FILE=TENANT/DIRECTION is wanted")
    tenant, _, direction = whose.partition("/")
    return {"file": file, "tenant": tenant, "direction": direction or None}


def _quiet(folder: Path | None) -> Callable[[], None]:
    return outside.read(folder).wait_quiet if folder else lambda: None


async def _run(settings: Settings, told: argparse.Namespace) -> None:
    settings.url("prefect_api_url")
    engine = open_engine(settings.url("database_url"))
    steps = demo_days.steps(told.leads, known_nodes(settings), told.days)
    async with get_client() as client:
        await must_answer(client)
        await run_days(
            client,
            engine,
            steps,
            heard=_say,
            quiet=_quiet(told.outside),
            opt_outs=_opt_outs(engine, settings, told.opt_outs),
        )


def _opt_outs(engine: Engine, settings: Settings, file: Path | None) -> Callable[[], object]:
    return partial(import_file, engine, open_keys(settings), file, "a client") if file else lambda: None


def _say(told: Told) -> None:
    print(json.dumps(told, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    sys.exit(main())
