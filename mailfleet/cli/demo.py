"""`mailfleet demo`: three simulated days of a small fleet, ending in a report that balances."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from mailfleet.acts.fleet_file import read_fleet
from mailfleet.acts.report import report as make_report
from mailfleet.cli.demo_inputs import check_leads, check_receipts, check_report
from mailfleet.cli.progress import Days
from mailfleet.cli.report_view import show_report
from mailfleet.cli.terminal import DIFFERS, say
from mailfleet.stack import demo as stage
from mailfleet.stack import demo_runs, local, machine, places, prefect_server, supervised
from mailfleet.stack.demo import EXAMPLES, Demo
from mailfleet.stack.demo_recovery import recover
from mailfleet.stack.steps import Steps
from mailfleet.stack.supervised import Stack

EXAMPLE_LEADS = {
    "fair-2026.csv": "northwind",
    "vebinar.csv": "vektor",
    "old-list.csv": "vektor",
    "partners.txt": "atlas",
}
OWN_LEADS = "northwind/software"  # whose leads a user's own file is, where its rows name no direction

Leads = Annotated[
    Path | None,
    typer.Option(help="Your own lead file instead of the examples; every domain gets a mail host."),
]
ReportFile = Annotated[
    Path | None, typer.Option("--report", help="Write the report as JSON (keys: docs/report.md).")
]
Receipts = Annotated[
    Path | None, typer.Option(help="Folder for what each receiver counted, one JSONL file a receiver.")
]
Keep = Annotated[bool, typer.Option(help="Leave everything running afterwards.")]


def register(app: typer.Typer) -> None:
    """A command of its own."""
    app.command()(demo)


def demo(
    leads: Leads = None, report: ReportFile = None, receipts: Receipts = None, keep: Keep = False
) -> None:
    """Run three simulated days, from lead files to mail at the receivers; exit 1 when the books do not balance."""
    files = (
        {str(leads.resolve()): OWN_LEADS}
        if leads
        else {str(EXAMPLES / "leads" / name): tenant for name, tenant in EXAMPLE_LEADS.items()}
    )
    check_leads(map(Path, files))
    check_report(report)
    check_receipts(receipts)
    steps = Steps()
    with supervised.supervised() as stack:
        started = _start(stack, steps, receipts, floors=leads is None)
        say(f"stack ready after {steps.seconds():.0f} s; the Prefect UI is {started.server.ui}")
        found = _days(stack, started, files)
        _end(stack, started, found, report, keep=keep)
    if not found["books_balance"]:
        raise typer.Exit(DIFFERS)


def _start(stack: Stack, steps: Steps, receipts: Path | None, *, floors: bool) -> Demo:
    fleet = read_fleet(EXAMPLES / "fleet.yaml")
    with steps.step("PostgreSQL") as step:
        cluster = local.start_postgres(stack)
        step.note = f"127.0.0.1:{cluster.port}"
    if unfinished := demo_runs.last_unfinished(stack.root):
        steps.run("The run that was interrupted", lambda: recover(cluster, stack.root, unfinished))
    run = demo_runs.new_run(stack.root, receipts=receipts, floors=floors)
    return stage.start(stack, steps, cluster, run, fleet)


def _days(stack: Stack, started: Demo, files: dict[str, str]) -> dict[str, Any]:
    days = Days()
    with days.shown():
        stage.run_days(stack, started, files, days.heard)
    return make_report(
        started.engine,
        started.keys,
        receipts=Path(started.run.receipts),
        seconds=days.seconds(),
        floors=started.run.floors,
    )


def _end(stack: Stack, started: Demo, found: dict[str, Any], file: Path | None, *, keep: bool) -> None:
    show_report(found)
    prefect_server.call(started.server, "POST", "/artifacts/", _artifact(found))
    if file:
        file.write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
    demo_runs.write(replace(started.run, state="finished"))
    if keep:
        _keep(stack, started)


def _keep(stack: Stack, started: Demo) -> None:
    told = machine.write_settings(stack.root, started.environment)
    stack.keep()
    say(f"left running: the Prefect UI is {started.server.ui}")
    say(f"use it in a shell: set -a; . {shlex.quote(str(told))}; set +a")
    say(f"stop it: {places.command('down')}")


def _artifact(found: dict[str, Any]) -> dict[str, Any]:
    rows = [
        {"what": f"{part}: {name}", "count": count}
        for part in ("leads", "refused", "messages")
        for name, count in found[part].items()
        if isinstance(count, int)
    ]
    rows += [
        {
            "what": "books balance",
            "count": "yes" if found["books_balance"] else "; ".join(found["differences"]),
        }
    ]
    return {"key": "report", "type": "table", "description": "# The demo's report", "data": json.dumps(rows)}
