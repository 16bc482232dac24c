"""What an address is: its normal form, the one person behind it, and what makes it doubtful.

Syntax only; whether a domain takes mail is asked elsewhere (probes/dns).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from disposable_email_domains import blocklist
from email_validator import EmailNotValidError, validate_email

from mailfleet.policy.address_tables import DOTS_MEAN_NOTHING, ROLES

# What spreadsheets and web pages leave around an address: blanks, no-break blanks, invisible marks.
BLANKS = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u202f\u205f\u2060\u3000\ufeff"
# The plainest addresses, which email-validator accepts unchanged: read ten times as fast.
_PLAIN = re.compile(r"[a-z0-9_]+(?:[.+-][a-z0-9_]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,24}")
_NEVER_PLAIN = (".test", ".local", ".localhost", ".invalid", ".onion", ".arpa")
_LOCAL_LIMIT, _PLAIN_LIMIT = 64, 200


@dataclass(frozen=True)
class Parsed:
    """An address in its normal form: small letters, the domain in A-labels."""

    address: str

    @property
    def local(self) -> str:
        return self.address.rpartition("@")[0]

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


@dataclass(frozen=True)
class Invalid:
    """Not an address; `plain` is the text by which it is found again, '' where there was none."""

    plain: str


def parse(text: str) -> Parsed | Invalid:
    """The normal form of an address as people write it."""
    plain = text.strip(BLANKS).lower()
    if _certain(plain):
        return Parsed(plain)
    try:
        found = validate_email(
            plain, check_deliverability=False, allow_smtputf8=False, strict=True
        ).ascii_email
    except EmailNotValidError:
        return Invalid(plain)
    return Parsed(found.lower()) if found else Invalid(plain)


def _certain(plain: str) -> bool:
    return (
        len(plain) <= _PLAIN_LIMIT
        and plain.find("@") <= _LOCAL_LIMIT
        and not plain.endswith(_NEVER_PLAIN)
        and _PLAIN.fullmatch(plain) is not None
        and all(len(label) < _LOCAL_LIMIT for label in plain.split("@")[1].split("."))
    )


def person(address: str) -> str:
    """The one person behind an address in its normal form: what a person's hash is made of.

    A plus-tag is the same person everywhere, dots are nothing at Gmail, googlemail.com is Gmail.
    """
    local, _, domain = address.rpartition("@")
    base = local.partition("+")[0] or local
    if domain in DOTS_MEAN_NOTHING:
        return f"{base.replace('.', '') or base}@gmail.com"
    return f"{base}@{domain}"


def is_role(address: str) -> bool:
    """Whether it names an office, not a person (RFC 2142 and what companies call such mailboxes)."""
    local = address.rpartition("@")[0].partition("+")[0]
    return local in ROLES or re.split(r"[.\-_]?\d+$", local)[0] in ROLES


@lru_cache(maxsize=100_000)
def is_disposable(domain: str) -> bool:
    """Whether the domain, or one above it, gives addresses away for minutes."""
    labels = domain.split(".")
    above = (".".join(labels[start:]) for start in range(len(labels) - 1))
    return any(name in blocklist for name in above)


@lru_cache(maxsize=100_000)
def likely_typo(domain: str, known: frozenset[str]) -> str | None:
    """The well-known domain that was probably meant; None where the name is well known or like none."""
    if domain in known:
        return None
    near = ((_distance(domain, name), name) for name in sorted(known) if _comparable(domain, name))
    distance, name = min(near, default=(9, ""))
    return name if distance <= _allowed(name) else None


def _comparable(domain: str, name: str) -> bool:
    if _another_country(domain, name) or abs(len(domain) - len(name)) > _allowed(name):
        return False
    return domain[0] == name[0] or _allowed(name) == 1


def _another_country(domain: str, name: str) -> bool:
    """`outlook.it` is no slip for `outlook.de`; `gmail.co` is one for `gmail.com`."""
    label, _, top = domain.partition(".")
    return label == name.partition(".")[0] and len(top) == 2 and top not in ("co", "cm", "om")


def _allowed(name: str) -> int:
    """Short names are near to many: they get one slip, the shortest none."""
    return 0 if len(name) < 6 else 1 if len(name) < 10 else 2


def _distance(one: str, other: str) -> int:
    """Slips of a typist between two words: a letter more, less, wrong, or two swapped."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        new = [i]
        for j, wanted in enumerate(other, 1):
            best = min(row[j] + 1, new[j - 1] + 1, row[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                best = min(best, before[j - 2] + 1)
            new.append(best)
        before, row = row, new
    return row[-1]
