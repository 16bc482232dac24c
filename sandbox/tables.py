"""The two tables that say who exists and how they behave."""

import csv
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from sandbox.behaviours import BEHAVIOURS, Behaviour

ANSWERS = frozenset({"mx", "a_only", "null_mx", "no_mx", "nxdomain", "servfail", "timeout"})


@dataclass(frozen=True)
class Domain:
    """A domain as the DNS shows it, and the receiver that takes its mail."""

    name: str
    receiver: str
    mx: str
    answer: str


@dataclass(frozen=True)
class World:
    """Both tables, with the rule for names that are in neither."""

    domains: dict[str, Domain]
    patterns: tuple[tuple[str, Behaviour], ...]
    every_domain: bool = False

    def domain(self, name: str) -> Domain | None:
        """The row of a domain, in A-labels; where every domain takes mail, one made up for those that would not."""
        known = self.domains.get(name)
        if self.every_domain and (known is None or known.answer != "mx"):
            return Domain(name, "other", f"mx.{name}", "mx")
        return known

    def behaviour(self, address: str) -> Behaviour:
        """What this recipient does; the first pattern that matches decides."""
        local = plain_local(address)
        found = (does for pattern, does in self.patterns if fnmatchcase(local, pattern))
        return next(found, BEHAVIOURS["accept"])


def plain_local(address: str) -> str:
    """The local part in small letters, without a plus tag."""
    return address.rpartition("@")[0].lower().split("+", 1)[0]


def domain_name(address: str) -> str:
    """The domain of an address in A-labels, small letters."""
    name = address.rpartition("@")[2].lower().rstrip(".")
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def read(receivers: Path, behaviours: Path, *, every_domain: bool = False) -> World:
    """Both tables; a row that names an unknown answer or behaviour is refused with its line."""
    return World(domains(receivers), patterns(behaviours), every_domain)


def domains(path: Path) -> dict[str, Domain]:
    """The rows of the receivers table by domain."""
    found = {}
    for line, row in rows(path):
        if row["answer"] not in ANSWERS:
            raise ValueError(f"{path}:{line}: answer {row['answer']!r} is not known")
        found[row["domain"]] = Domain(row["domain"], row["receiver"], row["mx"], row["answer"])
    return found


def patterns(path: Path) -> tuple[tuple[str, Behaviour], ...]:
    """The rows of the behaviours table, in order."""
    found = []
    for line, row in rows(path):
        if row["behaviour"] not in BEHAVIOURS:
            raise ValueError(f"{path}:{line}: behaviour {row['behaviour']!r} is not known")
        found.append((row["pattern"].lower(), BEHAVIOURS[row["behaviour"]]))
    return tuple(found)


def rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The lines of a table with their numbers."""
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        return [(reader.line_num, row) for row in reader]
