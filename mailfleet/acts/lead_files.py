"""Reads lead files: whatever a person or a spreadsheet saved as a table of text, in bounded memory.

A file that cannot be read is refused whole, naming file and line; nothing of it was taken in. One strict
reader says what a record is, so that every row keeps the number of the line where it starts.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

import pandas as pd

from mailfleet.acts.lead_columns import FIELDS, columns
from mailfleet.acts.lead_text import FileRefused, Form, form

__all__ = ["FileRefused", "LeadFile", "frames", "open_leads"]

DELIMITERS = (";", ",", "\t", "|")
MOST_COLUMNS = 200
LONGEST_LINE = 1 << 20
ROWS_AT_ONCE = 20_000
WHOLE = "whole"


@dataclass(frozen=True)
class LeadFile:
    """A file that can be read, and how."""

    path: Path
    form: Form
    delimiter: str
    columns: dict[str, int]
    width: int
    header_line: int  # physical lines before and with the header


@dataclass(frozen=True)
class _Record:
    line: int  # where it starts
    cells: list[str]


def open_leads(path: Path) -> LeadFile:
    """The file's encoding, separator and columns. Raises FileRefused."""
    found = form(path)
    with _opened(path, found) as text:
        before, header = _header(path, text)
    delimiter, cells = _separated(path, before + 1, header)
    if len(cells) > MOST_COLUMNS:
        raise FileRefused(path, f"has {len(cells)} columns, at most {MOST_COLUMNS} are read", line=before + 1)
    places = _columns(path, before + 1, cells)
    return LeadFile(path, found, delimiter, places, len(cells), before + 1)


def _opened(path: Path, found: Form) -> TextIO:
    return path.open(encoding=found.encoding, newline="")


def _header(path: Path, text: TextIO) -> tuple[int, str]:
    """The first line that says something, and how many stand before it; `sep=;` of a spreadsheet is skipped."""
    for before, line in enumerate(_lines(path, text)):
        if line.strip() and not line.lower().startswith("sep="):
            return before, line
    raise FileRefused(path, "is empty")


def _separated(path: Path, number: int, header: str) -> tuple[str, list[str]]:
    """The separator that finds the most columns we know in the header."""
    readings = [(mark, _cells(path, number, header, mark)) for mark in DELIMITERS]
    return max(readings, key=lambda reading: (_known(reading[1]), len(reading[1])))


def _cells(path: Path, number: int, header: str, mark: str) -> list[str]:
    try:
        return next(csv.reader([header], delimiter=mark, strict=True))
    except csv.Error as problem:
        raise FileRefused(path, f"its header cannot be read: {problem}", line=number) from None


def _known(cells: Sequence[str]) -> int:
    try:
        return len(columns(cells))
    except ValueError:
        return 1


def _columns(path: Path, number: int, cells: list[str]) -> dict[str, int]:
    try:
        places = columns(cells)
    except ValueError as problem:
        raise FileRefused(path, str(problem), line=number) from None
    if "address" not in places:
        raise FileRefused(path, "has no column for the address (e.g. `email` or `Почта`)", line=number)
    return places


def frames(leads: LeadFile) -> Iterator[pd.DataFrame]:
    """The rows, some thousands at a time: a column for each field of FIELDS ('' where the file has none),
    `whole` (no cells beyond the header's), and as index the line where each row starts. Raises FileRefused.
    """
    with _opened(leads.path, leads.form) as text:
        records = _records(leads, text)
        while some := list(islice(records, ROWS_AT_ONCE)):
            yield _frame(leads, some)


def _frame(leads: LeadFile, records: list[_Record]) -> pd.DataFrame:
    rows = ([*record.cells[: leads.width], *[""] * (leads.width - len(record.cells))] for record in records)
    by_column = list(zip(*rows, strict=True))
    blank = ("",) * len(records)
    data = {field: by_column[leads.columns[field]] if field in leads.columns else blank for field in FIELDS}
    whole = [not any(record.cells[leads.width :]) for record in records]
    frame = pd.DataFrame(data, index=[record.line for record in records], dtype=object)
    return frame.assign(**{WHOLE: whole})


def _records(leads: LeadFile, text: TextIO) -> Iterator[_Record]:
    """Every record after the header. A blank line is none."""
    lines = _lines(leads.path, text)
    for _ in range(leads.header_line):
        next(lines)
    reader = csv.reader(lines, delimiter=leads.delimiter, strict=True)
    start = leads.header_line + 1
    while (cells := _next(leads, reader, start)) is not None:
        if len(cells) > MOST_COLUMNS:
            raise FileRefused(
                leads.path, f"has {len(cells)} columns, at most {MOST_COLUMNS} are read", line=start
            )
        if cells:
            yield _Record(start, cells)
        start = leads.header_line + reader.line_num + 1


def _next(leads: LeadFile, reader: Iterator[list[str]], start: int) -> list[str] | None:
    try:
        return next(reader, None)
    except csv.Error as problem:
        raise FileRefused(leads.path, _in_words(str(problem)), line=start) from None


def _in_words(problem: str) -> str:
    if "unexpected end of data" in problem or "field larger than field limit" in problem:
        return "a quote is opened here and not closed, or the cell is longer than a cell can be"
    return f"its quotes do not fit: {problem}"


def _lines(path: Path, text: TextIO) -> Iterator[str]:
    """Physical lines with their ends. Raises FileRefused for what no table has in a line."""
    number = 0
    while True:
        number += 1
        line = text.readline(LONGEST_LINE)
        if not line:
            return
        if len(line) >= LONGEST_LINE:
            raise FileRefused(path, f"is longer than {LONGEST_LINE} characters: not a table", line=number)
        if "\0" in line:
            raise FileRefused(path, "holds a NUL: not a table of text", line=number)
        yield line
