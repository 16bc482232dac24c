"""Tables for the artifacts page: counts and reasons, never an address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Row = dict[str, str | int]


def counts(found: Mapping[str, int | Mapping[str, int]], what: str = "what") -> list[Row]:
    """One row a count; what is itself a table of counts gets a row for each of its parts."""
    rows: list[Row] = []
    for name, value in found.items():
        if isinstance(value, Mapping):
            rows += [{what: f"{name}: {part}", "count": count} for part, count in value.items()]
        else:
            rows.append({what: name, "count": value})
    return rows


def summed(rows: Iterable[Mapping[str, str | int]]) -> list[Row]:
    """Rows with the same words, added up; the words stay in front, in order."""
    sums: dict[tuple[tuple[str, str], ...], dict[str, int]] = {}
    for row in rows:
        words = tuple((name, value) for name, value in row.items() if isinstance(value, str))
        total = sums.setdefault(words, {})
        for name, value in row.items():
            if isinstance(value, int):
                total[name] = total.get(name, 0) + value
    return [dict(words) | total for words, total in sorted(sums.items(), key=lambda item: item[0])]
