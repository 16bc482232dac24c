"""A sealed secret opens with its key, in its row, unchanged, and never otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailfleet.mail.seal import Unsealable, about_dkim_key, seal, unseal

KEY, OTHER = bytes(32), bytes([1]) * 32
ABOUT = about_dkim_key("acme", "acme.example")
NONCES = st.binary(min_size=12, max_size=12)


@given(NONCES, st.binary(max_size=3000))
def test_what_was_sealed_comes_back(nonce, plain):
    assert unseal(KEY, seal(KEY, nonce, plain, ABOUT), ABOUT) == plain


@given(NONCES, st.binary(max_size=100), st.data())
def test_a_changed_byte_is_noticed(nonce, plain, data):
    sealed = bytearray(seal(KEY, nonce, plain, ABOUT))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Unsealable):
        unseal(KEY, bytes(sealed), ABOUT)


@pytest.mark.parametrize("cut", [0, 1, 12, 28])
def test_a_cut_secret_is_noticed(cut):
    with pytest.raises(Unsealable):
        unseal(KEY, seal(KEY, bytes(12), b"", ABOUT)[:cut], ABOUT)


def test_a_secret_opens_with_no_other_key_and_in_no_other_row():
    sealed = seal(KEY, bytes(12), b"secret", ABOUT)
    for key, about in [(OTHER, ABOUT), (KEY, about_dkim_key("acme", "other.example"))]:
        with pytest.raises(Unsealable) as refused:
            unseal(key, sealed, about)
        assert "secret" not in str(refused.value)


def test_a_nonce_of_another_length_is_refused():
    with pytest.raises(ValueError, match="12 bytes"):
        seal(KEY, bytes(8), b"", ABOUT)
