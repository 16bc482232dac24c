"""A file of suppressions: all of it is taken, or none."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

from db import audit
from db.engine import Connection, Engine, transaction
from mailfleet.acts import suppress
from mailfleet.acts.keys import Keys
from mailfleet.acts.refused import Refused
from mailfleet.acts.suppress import Wish

COLUMNS = ("kind", "value", "tenant", "reason", "until")
KINDS = ("address", "domain")
LARGEST = 200_000_000


def import_file(engine: Engine, keys: Keys, file: Path, actor: str) -> dict[str, int]:
    """Everybody in the file gets nothing more. A CSV with the columns kind, value, tenant, reason, until (UTF-8);
    no tenant means all. Raises Refused with the line of the first row that is wrong: then nothing was taken.
    Counts: `rows`, `new`, `known`.
    """
    wishes = _read(file)
    with transaction(engine) as conn:
        new = sum(_add(conn, keys, file, line, wish, actor) for line, wish in wishes)
        counts = {"rows": len(wishes), "new": new, "known": len(wishes) - new}
        audit.append(
            conn, actor=actor, act="suppressions imported", subject=f"file {file.name}", details=counts
        )
    return counts


def _add(conn: Connection, keys: Keys, file: Path, line: int, wish: Wish, actor: str) -> bool:
    try:
        return suppress.add(conn, keys, wish, actor=actor)
    except Refused as problem:
        raise Refused(f"{file}, line {line}: {problem}") from None


def _read(file: Path) -> list[tuple[int, Wish]]:
    try:
        if file.stat().st_size > LARGEST:
            raise Refused(
                f"{file} is larger than a file of suppressions may be ({LARGEST:,} bytes): split it"
            )
        text = file.read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise Refused(f"{file} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise Refused(f"{file} is not UTF-8 text") from None
    return _rows(file, text)


def _rows(file: Path, text: str) -> list[tuple[int, Wish]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise Refused(f"{file}: the first line must be {','.join(COLUMNS)}")
        return [(reader.line_num, _wish(file, reader.line_num, row)) for row in reader]
    except csv.Error as problem:
        raise Refused(f"{file}, after line {reader.line_num}: {problem}") from None


def _wish(file: Path, line: int, row: dict[str, str | None]) -> Wish:
    kind, value, tenant, reason, until = ((row[name] or "").strip() for name in COLUMNS)
    if kind not in KINDS or None in row:
        raise Refused(
            f"{file}, line {line}: it needs {len(COLUMNS)} columns, the first of them address or domain"
        )
    if kind == "address" and value.startswith("@"):
        raise Refused(f"{file}, line {line}: {value} is a domain: write it with the kind domain")
    whom = value if kind == "address" else f"@{value.removeprefix('@')}"
    return Wish(whom, reason, tenant or None, _until(file, line, until), f"{file.name}, line {line}")


def _until(file: Path, line: int, text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"{file}, line {line}: until must be a date, as 2027-12-31") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
