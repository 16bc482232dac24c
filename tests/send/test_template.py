"""A text is checked before it is used, and cannot grow, reach out, or print what it was not given."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailfleet.mail.template import OUTPUT_LIMIT, SOURCE_LIMIT, TextRefused, check, compiled

VALUES = {"given_name": "Ann", "n": 12}

GOOD = [
    ("Hello{% if given_name %}, {{ given_name }}{% endif %}!", "Hello, Ann!"),
    ("{{ given_name|upper }} {{ n * 2 + 1 }}", "ANN 25"),
    ("{% for i in range(3) %}{{ i }}{% endfor %}", "012"),
    ("{{ given_name or 'friend' }}\n", "Ann\n"),
    ("{{ '100%' }}", "100%"),
]
HOSTILE = [
    "{{ 'a' * 10**9 }}",
    "{{ 'a' * 1000000000 }}",
    "{{ 1000000000 * 1000000001 * 10 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ [1] * 1000000000 }}",
    "{{ 'a' ~ given_name }}",
    "{{ given_name|replace('A', given_name) }}",
    "{% for i in range(10000000) %}a{% endfor %}",
    "{% for i in range(1000) %}{% for j in range(1000) %}x{% endfor %}{% endfor %}",
    "{{ given_name.ljust(1000000000) }}",
    "{{ '{:>1000000000}'.format(1) }}",
    "{{ given_name.__class__ }}",
    "{{ range.__globals__ }}",
    "{% include 'other' %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% set a %}{{ given_name }}{% endset %}{{ a }}",
    "{% block b %}{% endblock %}",
    "{% autoescape false %}{{ given_name }}{% endautoescape %}",
    "{{ given_name|safe }}",
    "{{ unknown }}",
    "{{ 1 / 0 }}",
    "{{ given_name",
    "{{ " + "(" * 5000 + ")" * 5000 + " }}",
    "x" * (SOURCE_LIMIT + 1),
]


@pytest.mark.parametrize(("source", "filled"), GOOD)
def test_a_letter_is_filled(source, filled):
    assert check(source, VALUES) == []
    assert compiled(source, html=False).fill(VALUES) == filled


@pytest.mark.parametrize("source", HOSTILE, ids=range(len(HOSTILE)))
def test_what_could_grow_or_reach_out_is_refused_or_breaks_without_harm(source):
    with pytest.raises(TextRefused):
        compiled(source, html=False).fill(VALUES)


def test_a_text_may_use_the_names_it_was_promised_and_no_other():
    assert check("{{ given_name }} {{ x }} {{ a }}", ["given_name"]) == ["unknown name: a", "unknown name: x"]


def test_a_mistake_is_named_with_its_line():
    assert check("a\n{% if %}", []) == ["line 2: Expected an expression, got 'end of statement block'"]


def test_a_filled_text_has_a_limit():
    text = compiled("{% for i in range(1000) %}{{ given_name }}{% endfor %}", html=False)
    with pytest.raises(TextRefused, match=str(OUTPUT_LIMIT)):
        text.fill({"given_name": "x" * 300})


@given(st.text())
def test_html_escapes_whatever_a_value_holds(value):
    filled = compiled("<b>{{ given_name }}</b>", html=True).fill({"given_name": value})
    assert not set("<>\"'") & set(filled[3:-4])


@given(st.text(max_size=60))
def test_any_text_is_either_filled_or_refused_with_a_reason(source):
    with suppress(TextRefused):
        compiled(source, html=False).fill(VALUES)
        return
    assert check(source, VALUES) or "{" in source


def test_a_refusal_shows_no_value():
    with pytest.raises(TextRefused) as refused:
        compiled("{{ given_name + 1 }}", html=False).fill({"given_name": "secret@person.example"})
    assert "secret" not in str(refused.value)
