"""Shows the report as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailfleet.cli.terminal import say, show


def show_report(found: Mapping[str, Any]) -> None:
    """Sums first, then where they come from, then whether they balance."""
    leads, messages = found["leads"], found["messages"]
    _counts(
        "Lead files",
        {key: value for key, value in leads.items() if key != "flagged"}
        | {f"flagged {k}": v for k, v in leads["flagged"].items()},
    )
    _counts("Refused rows", found["refused"])
    _counts("Messages", messages)
    _counts("Enrolments", found["enrolments"])
    show(
        "Campaigns",
        ["campaign", "step", "messages", "stopped"],
        [
            (name, step, _listed(states), campaign["stopped"] or "")
            for name, campaign in found["campaigns"].items()
            for step, states in campaign["steps"].items()
        ],
    )
    show(
        "Receivers",
        ["receiver", "messages by state", "accepted by the receiver"],
        [
            (
                name,
                _listed({k: v for k, v in counts.items() if k != "accepted_by_receiver"}),
                counts["accepted_by_receiver"],
            )
            for name, counts in found["receivers"].items()
        ],
    )
    say(f"sent twice: {_listed(found['duplicates'])}")
    say(f"begun for somebody who was: {_listed(found['violations'])}")
    say(f"unknown: {_listed(found['unknown'])}")
    say(f"{found['seconds']} s, {found['messages_per_second']} messages a second")
    _verdict(found)


def _verdict(found: Mapping[str, Any]) -> None:
    for sentence in found["differences"]:
        say(f"- {sentence}")
    say("The books balance." if found["books_balance"] else "The books do not balance.")


def _counts(title: str, counts: Mapping[str, int]) -> None:
    show(title, list(counts), [list(counts.values())])


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
