"""Ids and tokens are read back by us, whatever happened to them on the way, and by nobody else's key."""

from hypothesis import given
from hypothesis import strategies as st

from mailfleet.mail.ids import (
    Token,
    keyed_hash,
    message_id,
    message_number,
    read_message_id,
    read_return_path,
    read_token,
    return_path,
    write_token,
)

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
TOKENS = st.builds(
    Token, st.integers(0, 2**32 - 1), st.integers(1, 2**63 - 1), st.binary(min_size=16, max_size=16)
)
NUMBERS = st.integers(1, 2**63 - 1)
CASES = st.sampled_from([str.lower, str.upper, str.swapcase, str])


@given(TOKENS, CASES)
def test_a_token_is_read_back_in_any_case_of_letters(token, change):
    assert read_token({1: OLD}, change(write_token({1: OLD}, token))) == token


@given(TOKENS)
def test_a_return_path_fits_a_local_part_and_is_read_back(token):
    address = return_path(write_token({1: OLD}, token), "b.sender.example")
    assert len(address.partition("@")[0]) <= 64
    assert read_return_path({1: OLD}, f"<{address.upper()}>") == token


@given(TOKENS, st.integers(0, 60), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_changed_token_is_not_ours(token, at, letter):
    text = write_token({1: OLD}, token)
    changed = text[:at] + letter + text[at + 1 :]
    assert read_token({1: OLD}, changed) == (token if changed == text else None)


@given(TOKENS)
def test_tokens_outlive_the_rotation_of_their_key_until_it_is_removed(token):
    text = write_token({1: OLD}, token)
    assert read_token({1: OLD, 2: NEW}, text) == token
    assert read_token({2: NEW}, text) is None
    assert write_token({1: OLD, 2: NEW}, token) != text


@given(NUMBERS, CASES)
def test_a_message_id_is_found_in_headers_and_log_lines(number, change):
    ours = message_id({1: OLD}, number, "sender.example")
    for line in (ours, f"<x1.abc@other.example>\r\n {ours}", f"4F2A1: message-id={ours}"):
        assert read_message_id({1: OLD}, change(line)) == number


@given(NUMBERS)
def test_a_message_id_is_the_same_after_a_new_key_was_added(number):
    assert message_id({1: OLD}, number, "d.example") == message_id({1: OLD, 2: NEW}, number, "d.example")


@given(NUMBERS, NUMBERS)
def test_of_several_message_ids_the_last_of_ours_counts(first, last):
    text = f"{message_id({1: OLD}, first, 'd.example')} {message_id({1: OLD}, last, 'd.example')}"
    assert read_message_id({1: OLD}, text) == last
    forged = message_id({1: NEW}, last, "d.example")
    assert read_message_id({1: OLD}, f"{message_id({1: OLD}, first, 'd.example')} {forged}") == first


@given(st.text(max_size=200))
def test_any_other_text_is_not_ours(text):
    assert read_token({1: OLD}, text) is None
    assert read_message_id({1: OLD}, text) is None
    assert read_return_path({1: OLD}, text) is None


def test_a_token_is_no_message_id_and_the_other_way_round():
    token = write_token({1: OLD}, Token(1, 7, bytes(16)))
    assert read_message_id({1: OLD}, f"<1.{token[:28]}@d.example>") is None
    assert read_token({1: OLD}, message_id({1: OLD}, 7, "d.example")[3:31]) is None


def test_a_message_has_one_number_and_every_part_of_it_counts():
    def number(**other: object) -> int:
        parts = {"tenant": "t", "campaign": "c", "person": bytes(16), "step": "s"} | other
        return message_number(OLD, **parts)

    assert number() == number() > 0
    others = [
        number(tenant="tc", campaign=""),
        number(campaign="cs", step=""),
        number(person=bytes(15) + b"1"),
    ]
    assert len({number(), *others}) == 4


def test_a_hash_needs_its_key():
    assert keyed_hash(OLD, "a@b.example") == keyed_hash(OLD, "a@b.example") != keyed_hash(NEW, "a@b.example")
    assert len(keyed_hash(OLD, "")) == 16
