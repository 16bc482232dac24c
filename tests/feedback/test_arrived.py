"""Our token that came back proves that the letter arrived; what the node says of the same try does not outweigh it."""

import pytest

from mailfleet.acts.take_feedback import drain
from tests.feedback.given import KEYS, reply
from tests.feedback.test_drain import DEFERRED, LOST, QID, SENT, line


@pytest.mark.parametrize("form", [LOST, DEFERRED])
def test_a_lost_or_refused_line_after_the_persons_own_word_takes_nothing_back(world, form):
    number = world.message(queue_ref=QID)
    world.queue_id(number, QID)
    world.arrive("one_click", world.token(number).encode())
    drain(world.engine, KEYS)
    world.log(line(form))
    assert world.state(number) == "submitted"


def test_a_lost_line_after_an_automatic_answer_takes_nothing_back(world):
    number = world.message(queue_ref=QID)
    world.queue_id(number, QID)
    world.mail(
        reply(world.message_id(number), "I am away until Monday.", **{"Auto-Submitted": "auto-replied"})
    )
    world.log(line(LOST))
    assert world.state(number) == "submitted"


def test_the_word_on_an_earlier_try_does_not_speak_of_the_next_one(world):
    number = world.message(queue_ref=QID)
    world.queue_id(number, QID)
    world.arrive("one_click", world.token(number).encode())
    drain(world.engine, KEYS)
    world.run("UPDATE messages SET began_at = clock_timestamp(), attempt = attempt + 1")
    world.log(line(LOST))
    assert world.state(number) == "unknown"


def test_delivery_is_recorded_all_the_same(world):
    number = world.message(queue_ref=QID)
    world.queue_id(number, QID)
    world.arrive("one_click", world.token(number).encode())
    drain(world.engine, KEYS)
    world.log(line(SENT))
    assert world.state(number) == "delivered"
