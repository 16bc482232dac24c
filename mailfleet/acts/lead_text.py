"""Finds out how the bytes of a lead file are to be read as text."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mailfleet.acts.refused import Refused

BLOCK = 1 << 20
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_MAGIC = (
    (b"PK\x03\x04", "a spreadsheet or archive: save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet: save it as CSV"),
    (b"%PDF", "a PDF"), (b"\x89PNG", "a picture"), (b"\xff\xd8\xff", "a picture"), (b"GIF8", "a picture"),
    (b"\x1f\x8b", "compressed: unpack it first"), (b"\x7fELF", "a program"),
)  # fmt: skip
_HIGH = re.compile(rb"[\x80-\xff]+")
_LATIN = re.compile(rb"[A-Za-z]")
_UTF8_PAIR = re.compile(rb"[\xc3-\xd1][\x80-\xbf]")


class FileRefused(Refused):
    """The file cannot be taken in; nothing of it was. The text names file and line."""

    def __init__(self, file: Path, why: str, *, line: int | None = None) -> None:
        at = f"{file}: line {line}" if line else f"{file}"
        super().__init__(f"{at}: {why}")


@dataclass(frozen=True)
class Form:
    """How the file is read as text."""

    encoding: str
    sha256: bytes


def form(file: Path) -> Form:
    """The encoding and digest of a file. Raises FileRefused for what is missing, empty or no text."""
    if not file.exists():
        raise FileRefused(file, "there is no such file")
    if not file.is_file():
        raise FileRefused(file, "is not a file")
    digest = hashlib.sha256()
    first = next(_blocks(file), b"")
    if not first.strip(b"\0 \t\r\n"):
        raise FileRefused(file, "is empty")
    encoding = _by_bom(first) or _wide(first) or _of_bytes(file, first)
    if line := _undecodable(file, encoding):
        raise FileRefused(file, f"is not {encoding}, as the rest of it is", line=line)
    for block in _blocks(file):
        digest.update(block)
    return Form(encoding, digest.digest())


def _blocks(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as source:
            while block := source.read(BLOCK):
                yield block
    except OSError as problem:
        raise FileRefused(file, f"cannot be read: {problem.strerror}") from None


def _by_bom(first: bytes) -> str | None:
    return next((encoding for mark, encoding in _BOMS if first.startswith(mark)), None)


def _wide(first: bytes) -> str | None:
    """UTF-16 without its mark: commas, line ends and Latin letters have a zero on one side, always the same."""
    head = first[: 1 << 12]
    even, odd = head[::2].count(0), head[1::2].count(0)
    enough = len(head) // 8
    if odd > enough and not even:
        return "utf-16-le"
    return "utf-16-be" if even > enough and not odd else None


def _of_bytes(file: Path, first: bytes) -> str:
    for mark, what in _MAGIC:
        if first.startswith(mark):
            raise FileRefused(file, f"is not text but {what}")
    if _is_binary(first[: 1 << 16]):
        raise FileRefused(file, "is binary, not text")
    broken = _undecodable(file, "utf-8")
    if broken is None:
        return "utf-8"
    encoding = _single_byte(file)
    if encoding is None:
        raise FileRefused(
            file, "is neither UTF-8 nor UTF-16, Windows-1251, KOI8-R or Windows-1252", line=broken
        )
    return encoding


def _is_binary(head: bytes) -> bool:
    """Text has a control character here and there; what is made of them is no text."""
    control = sum(head.count(byte) for byte in range(32) if byte not in b"\t\r\n")
    return control * 20 > len(head)


def _undecodable(file: Path, encoding: str) -> int | None:
    """The first line that this encoding cannot read, or None."""
    try:
        for _ in _decoded(file, encoding, "strict"):
            pass
    except UnicodeDecodeError:
        return _line_of_first(file, encoding, "\ufffd")
    return None


def _line_of_first(file: Path, encoding: str, letter: str) -> int:
    """The line of a letter that is there: the one that stands for what cannot be read."""
    line = 1
    for text in _decoded(file, encoding, "replace"):
        before, found, _ = text.partition(letter)
        line += before.count("\n")
        if found:
            break
    return line


def _decoded(file: Path, encoding: str, errors: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    for block in _blocks(file):
        yield decoder.decode(block)
    yield decoder.decode(b"", final=True)


def _single_byte(file: Path) -> str | None:
    """Which of the one-byte encodings the words look like, or None where they look like none."""
    seen: Counter[str] = Counter()
    for block in _blocks(file):
        _count(block, seen)
    if seen["utf-8"] * 2 > seen["all"] or seen["all"] == 0:
        return None  # UTF-8 with a broken place: reading it as something else would make nonsense of it
    if seen["words"] * 4 >= seen["all"] * 3:
        return _cyrillic(seen)
    return "cp1252" if seen["in latin"] * 4 >= seen["all"] * 3 else None


def _cyrillic(seen: Counter[str]) -> str | None:
    """Most letters are small: they tell the two Russian encodings apart."""
    if max(seen["c0-df"], seen["e0-ff"]) * 2 < seen["all"]:
        return None
    return "cp1251" if seen["e0-ff"] >= seen["c0-df"] else "koi8-r"


def _count(block: bytes, seen: Counter[str]) -> None:
    seen["utf-8"] += 2 * len(_UTF8_PAIR.findall(block))
    for run in _HIGH.finditer(block):
        letters, size = run.group(), run.end() - run.start()
        seen["all"] += size
        seen["words"] += size if size > 1 else 0
        beside = block[max(0, run.start() - 1) : run.start()] + block[run.end() : run.end() + 1]
        seen["in latin"] += size if size <= 2 and _LATIN.search(beside) else 0
        seen["c0-df"] += sum(0xC0 <= byte <= 0xDF for byte in letters)
        seen["e0-ff"] += sum(byte >= 0xE0 for byte in letters)
