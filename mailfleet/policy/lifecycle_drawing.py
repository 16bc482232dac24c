"""Draws the life of a message from its table: docs/states.md."""

from __future__ import annotations

from collections import defaultdict

from mailfleet.policy.lifecycle import IMPOSSIBLE, NEXT, STAYS, Event, State

HEAD = """# The life of a message

Drawn by `mailfleet states` from `policy/lifecycle.py`; a test keeps it current. Do not edit.

A message waits (`planned`, `deferred`, `held`), is in a worker's batch (`claimed`), on the line (`sending`), or has
left (`submitted`, `delivered`, `bounced`, `refused`), or not (`dropped`, `expired`); `unknown` may have left, and only
evidence settles it.
"""


def draw() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_diagram(), "", *_table(), "", *_reasons()]) + "\n"


def _diagram() -> list[str]:
    edges: dict[tuple[State, State], list[str]] = defaultdict(list)
    for (before, event), after in NEXT.items():
        edges[before, after].append(event.value)
    drawn = [f"    {before} --> {after}: {', '.join(events)}" for (before, after), events in edges.items()]
    return ["```mermaid", "stateDiagram-v2", f"    [*] --> {State.PLANNED}", *drawn, "```"]


def _table() -> list[str]:
    """Every pair: where the event leads, `·` where it changes nothing, `–` where it cannot happen."""
    states = list(State)
    return [
        "## Every pair of state and event",
        "",
        "Where the event leads; `·` changes nothing; `–` cannot happen. The reasons stand below.",
        "",
        "| event | " + " | ".join(states) + " |",
        "|" + "---|" * (len(states) + 1),
        *("| " + " | ".join([event, *(_cell(state, event) for state in states)]) + " |" for event in Event),
    ]


def _cell(state: State, event: Event) -> str:
    if (state, event) in NEXT:
        return f"**{NEXT[state, event]}**"
    return "·" if (state, event) in STAYS else "–"


def _reasons() -> list[str]:
    stays = [f"- `{event}` of a `{state}` message: {reason}" for (state, event), reason in STAYS.items()]
    never = [f"- `{event}`: {reason}" for event, reason in IMPOSSIBLE.items()]
    return ["## What changes nothing, and why", "", *stays, "", "## What cannot happen, and why", "", *never]
