"""A name of any length leaves on lines that every host takes (RFC 5322: 998 at most, 78 wished)."""

from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailfleet.mail.headers import person

NAMES = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=("Cc", "Cs", "Zl", "Zp")),
    max_size=300,
)


@pytest.mark.parametrize("name", ['" ' * 150, "a b " * 150, "x" * 300, "\\ " * 300])
def test_a_long_name_is_no_long_line(name: str) -> None:
    lines = (b"To: " + person("To", name, "anna@person.example")).split(b"\r\n")
    assert max(map(len, lines)) <= 78


@given(NAMES)
def test_every_line_is_short_and_the_name_survives(name: str) -> None:
    value = person("To", name, "anna@person.example")
    assert max(len(line) for line in (b"To: " + value).split(b"\r\n")) <= 78
    if "=?" in value.decode():
        words = value.decode().replace("\r\n", "").rpartition(" <")[0]
        assert str(make_header(decode_header(words))) == name.strip()
