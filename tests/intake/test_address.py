from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from mailfleet.policy.address import (
    BLANKS,
    Invalid,
    Parsed,
    is_disposable,
    is_role,
    likely_typo,
    parse,
    person,
)
from mailfleet.policy.address_tables import WELL_KNOWN


@pytest.mark.parametrize(
    ("written", "address"),
    [
        (" Ann@Quill.Example\u00a0", "ann@quill.example"),
        ("\ufeffann@quill.example\u200b", "ann@quill.example"),
        ("ivan@Завод-Почта.example", "ivan@xn----7sbbgkp5cci5a8c.example"),
        ("A@MÜLLER-BAU.example", "a@xn--mller-bau-q9a.example"),
        ("o'neil+x@quill.example", "o'neil+x@quill.example"),
        ("a.b-c_d@sub.quill.co.uk", "a.b-c_d@sub.quill.co.uk"),
    ],
)
def test_an_address_has_one_normal_form(written: str, address: str) -> None:
    assert parse(written) == Parsed(address)
    assert parse(address) == Parsed(address)


@pytest.mark.parametrize(
    "written",
    ["", "ann", "@quill.example", "ann@", "ann@quill", "a@b@quill.example", "a..b@quill.example", ".a@quill.example",
     "a@-q.example", "иван@quill.example", "a b@quill.example", '"a b"@quill.example', "a@[127.0.0.1]", "a@quill.test",
     "a@x.localhost",     "a" * 65 + "@quill.example", "a@" + "x" * 64 + ".example", "a@q_q.example", "a@quill..example",
     "ann@quill.example,b@quill.example"],
)  # fmt: skip
def test_what_is_no_address_is_found_again_by_its_plain_text(written: str) -> None:
    assert parse(written.upper()) == Invalid(written.lower())


letters = st.text("ab1._+-@иü' \u00a0", min_size=1, max_size=12)


tops = st.sampled_from(("example", "test", "com", "рф"))


@given(st.one_of(st.text(max_size=40), st.builds("{}@{}.{}".format, letters, letters, tops)))
@example("a@b--c.example")
@example("a-.b@c.example")
def test_the_quick_way_and_the_careful_way_agree(text: str) -> None:
    found = parse(text)
    plain = text.strip(BLANKS).lower()
    try:
        careful = validate_email(
            plain, check_deliverability=False, allow_smtputf8=False, strict=True
        ).ascii_email
    except EmailNotValidError:
        careful = None
    if isinstance(found, Parsed):
        assert careful is not None
        assert found.address == careful.lower()
        assert parse(found.address) == found
        assert found.address.isascii()
        assert not any(letter.isspace() or ord(letter) < 32 for letter in found.address)
    else:
        assert careful is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ann@quill.example", "ann+news@quill.example", True),
        ("a.nn@gmail.com", "ann+x@googlemail.com", True),
        ("a.nn@quill.example", "ann@quill.example", False),
        ("ann@quill.example", "ann@gmail.com", False),
        ("+x@quill.example", "+y@quill.example", False),
    ],
)
def test_tags_are_one_person_everywhere_and_dots_at_gmail(one: str, other: str, same: bool) -> None:
    assert (person(one) == person(other)) is same


@given(
    st.from_regex(
        r"[a-z0-9.]{1,10}(\+[a-z]{1,4})?@(gmail\.com|googlemail\.com|quill\.example)", fullmatch=True
    )
)
def test_a_person_is_a_person_of_itself(address: str) -> None:
    assert person(person(address)) == person(address)
    assert person(address).partition("@")[0]


@pytest.mark.parametrize(
    ("address", "role"),
    [("info@q.example", True), ("sales2@q.example", True), ("buh@q.example", True), ("kontakt+x@q.example", True),
     ("postmaster@q.example", True), ("ann.info@q.example", False), ("informer@q.example", False)],
)  # fmt: skip
def test_offices_are_no_persons(address: str, role: bool) -> None:
    assert is_role(address) is role


@pytest.mark.parametrize(
    ("domain", "meant"),
    [
        ("gmial.com", "gmail.com"), ("gmail.con", "gmail.com"), ("gmail.co", "gmail.com"), ("yandx.ru", "yandex.ru"),
        ("hotmial.com", "hotmail.com"), ("outlok.com", "outlook.com"), ("gmail.com", None), ("mail.com", None),
        ("outlook.it", None), ("quill.example", None), ("ya.kz", None), ("gmai1-post.example", "gmail-post.example"),
        ("yandeks-post.example", "yandex-post.example"), ("bk-post.example", None),
    ],
)  # fmt: skip
def test_a_slip_of_the_keys_is_noticed(domain: str, meant: str | None) -> None:
    ours = {"gmail-post.example", "yandex-post.example", "ya-post.example"}
    assert likely_typo(domain, WELL_KNOWN | ours) == meant


def test_disposable_domains_and_their_subdomains_are_known() -> None:
    assert is_disposable("mailinator.com")
    assert is_disposable("x.mailinator.com")
    assert not is_disposable("quill.example")
