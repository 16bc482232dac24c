"""`mailfleet deploy` makes a Prefect server look like prefect.yaml and `deployments/`."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Annotated

import typer

from mailfleet.cli.terminal import actor, settings


def register(app: typer.Typer) -> None:
    """A command of its own."""
    app.command()(deploy)


def deploy(
    without_schedules: Annotated[
        bool,
        typer.Option("--without-schedules", help="Deploy with no cron schedule: nothing starts by itself."),
    ] = False,
) -> None:
    """Make Prefect's server look like the files, and say what changed; the second time nothing does.

    It needs PREFECT_API_URL, and DATABASE_URL for the names of the nodes.
    """
    settings().url("prefect_api_url")
    # A process of its own: nothing of the command may import Prefect, which is often down when the command is needed.
    argv = [sys.executable, "-m", "deployments", *(["--without-schedules"] if without_schedules else [])]
    told = {**os.environ, "MAILFLEET_ACTOR": actor()}
    if code := subprocess.run(argv, env=told, check=False).returncode:
        raise typer.Exit(code)
