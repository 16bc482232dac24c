"""The sum of all revisions as one text: `python -m db.schema` writes db/schema.sql anew."""

from __future__ import annotations

from pathlib import Path

REVISIONS = Path(__file__).parent / "migrations" / "sql"
FILE = Path(__file__).parent / "schema.sql"
HEAD = """\
-- Made by `python -m db.schema` from db/migrations/sql; a test compares. @owner@, @control@, @tenant@, @web@ and
-- @nodes@ stand for this installation's roles. To read; a database is made by `mailfleet migrate`.
"""


def whole() -> str:
    """Every revision, in order."""
    parts = [f"\n-- {path.stem}\n\n{path.read_text('utf-8')}" for path in sorted(REVISIONS.glob("*.sql"))]
    return HEAD + "".join(parts)


if __name__ == "__main__":
    FILE.write_text(whole(), "utf-8")
