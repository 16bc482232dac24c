"""A message moves from the state that was judged, or not at all."""

from __future__ import annotations

import pytest

from db import moves
from db.moves import Move
from mailfleet.policy.lifecycle import Event, State
from tests.send.given import small_fleet


@pytest.mark.parametrize("event", [Event.DROP, Event.EXPIRE])
def test_what_has_left_the_state_that_was_judged_is_not_moved(ledger, event):
    """Two judged it while it was held: the first has let it go, and what the second thought is of yesterday."""
    fleet = small_fleet(ledger)
    moved, still = fleet.message("bob"), fleet.message("eve")
    fleet.run(
        "UPDATE messages SET state = 'held', reason = 'x', hold_until = due_at WHERE message_id = :id",
        id=still,
    )
    judged = [Move(one, event, State.HELD, "too late") for one in (moved, still)]
    with fleet.engine.begin() as conn:
        assert moves.move(conn, judged, source="house", now=fleet.now()) == [still]
    assert fleet.state(moved) == ("planned", None)
    assert fleet.state(still) == (judged[1].after.value, "too late")
    assert fleet.run("SELECT message_id, before FROM events") == [(still, "held")]
