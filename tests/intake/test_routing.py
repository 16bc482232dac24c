from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mailfleet.policy.routing import Held, NoRoute, Route, by_scope, choose

SOON, LATE = datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 3, 9, tzinfo=UTC)
DOWN = ("egress", 11, "technical", "down", None)
FIRST, SECOND = Route(1, 0, 11, 1), Route(2, 0, 22, 2)
SCOPES = {"tenant": 1, "campaign": 2, "mailbox": 3, "domain": 4, "import": None}


@pytest.mark.parametrize(
    ("stops", "expected"),
    [
        ([], FIRST),
        ([("egress", 22, "technical", "down", None)], FIRST),
        ([DOWN], SECOND),
        ([("node", 1, "technical", "gone", SOON)], SECOND),
        ([("egress", 11, "breaker", "blocked", None)], Held("egress stopped: blocked", LATE, FIRST)),  # never re-routed
        ([("egress", 11, "operator", "look", SOON)], Held("egress stopped: look", SOON, FIRST)),
        ([DOWN, ("node", 1, "breaker", "listed", SOON)], Held("egress stopped: down", LATE, FIRST)),
        ([DOWN, ("egress", 22, "breaker", "bad", SOON)], Held("egress stopped: bad", SOON, SECOND)),
        ([DOWN, ("node", 2, "technical", "gone", SOON)], Held("egress stopped: down", LATE, FIRST)),
        ([("campaign", 2, "breaker", "bounces", None)], Held("campaign stopped: bounces", LATE)),
        ([("tenant", 1, "technical", "odd", SOON), ("mailbox", 3, "breaker", "rest", None)], Held("mailbox stopped: rest", LATE)),
        ([("campaign", 9, "breaker", "another's", None)], FIRST),
    ],
)  # fmt: skip
def test_only_technique_opens_the_next_route(stops: list, expected: object) -> None:
    assert choose(SCOPES, [FIRST, SECOND], by_scope(stops), LATE) == expected


def test_a_mailbox_without_a_route_is_no_reason_to_hold() -> None:
    assert choose(SCOPES, [], by_scope([]), LATE) == NoRoute()
