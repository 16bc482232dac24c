"""The drawn life of a message is the one in the code, and the flow page names what there is."""

import re
from pathlib import Path

from typer.testing import CliRunner

from mailfleet.cli.main import app
from mailfleet.policy.lifecycle import Event, State

DOCS = Path(__file__).parents[2] / "docs"
ROOT = DOCS.parent


def test_the_drawn_states_are_current():
    printed = CliRunner().invoke(app, ["states"])
    assert printed.exit_code == 0
    assert printed.stdout == (DOCS / "states.md").read_text(), "run `mailfleet states > docs/states.md`"


def test_every_state_and_event_is_drawn():
    page = (DOCS / "states.md").read_text()
    for name in (*State, *Event):
        assert re.search(rf"\b{name}\b", page)


def test_every_module_that_the_flow_page_names_is_there():
    for name in re.findall(r"`((?:\w+/)+\w+\.(?:py|sql))`", (DOCS / "flow.md").read_text()):
        assert (ROOT / name).exists() or (ROOT / "mailfleet" / name).exists(), name


def test_the_flow_page_names_every_state():
    page = (DOCS / "flow.md").read_text()
    for state in State:
        assert f"*{state}*" in page
