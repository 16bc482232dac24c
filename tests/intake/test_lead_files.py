from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from mailfleet.acts.lead_columns import columns
from mailfleet.acts.lead_files import FileRefused, frames, open_leads
from tests.intake.given import EXAMPLES

RU = "Почта;Имя;Компания\nivan@a.example;Иван;ООО «Ромашка»\nolga@b.example;Ольга;Завод\n"
EN = "email,first name\nann@a.example,Ann\n"


def _read(file: Path) -> list[dict]:
    return [
        row | {"line": line}
        for frame in frames(open_leads(file))
        for line, row in frame.to_dict("index").items()
    ]


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"), ("cp1251", "cp1251"), ("koi8-r", "koi8-r"),
    ],
)  # fmt: skip
def test_every_usual_encoding_is_read(tmp_path: Path, encoding: str, found: str) -> None:
    text = RU.replace("«", "").replace("»", "") if encoding == "koi8-r" else RU
    (tmp_path / "f.csv").write_bytes(text.encode(encoding))
    assert open_leads(tmp_path / "f.csv").form.encoding == found
    rows = _read(tmp_path / "f.csv")
    assert [(row["address"], row["given_name"], row["line"]) for row in rows] == [
        ("ivan@a.example", "Иван", 2), ("olga@b.example", "Ольга", 3)]  # fmt: skip


def test_german_umlauts_of_an_old_windows_are_no_russian(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_bytes(
        "E-Mail;Vorname;First name\na@a.example;x;Jürgen\nb@b.example;x;Zoë\n".encode("cp1252")
    )
    assert [row["given_name"] for row in _read(tmp_path / "f.csv")] == ["Jürgen", "Zoë"]


@pytest.mark.parametrize(("mark", "content"), [(mark, EN.replace(",", mark)) for mark in ",;\t|"])
def test_every_usual_separator_is_found(tmp_path: Path, mark: str, content: str) -> None:
    (tmp_path / "f.csv").write_text(f"sep={mark}\n{content}" if mark == "|" else content)
    assert open_leads(tmp_path / "f.csv").delimiter == mark
    assert _read(tmp_path / "f.csv")[0]["given_name"] == "Ann"


def test_lines_are_physical_and_blank_lines_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_bytes(
        b'\r\nemail,company\r\n"a@a.example","1\r\n2"\r\n\r\n\rb@b.example,x\r\n,\r\nc@c.example\n'
    )
    assert [(row["line"], row["address"]) for row in _read(tmp_path / "f.csv")] == [
        (3, "a@a.example"), (7, "b@b.example"), (8, ""), (9, "c@c.example")]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "there is no such file"),
        (b"", "is empty"),
        (b"\n \r\n\n", "is empty"),
        (b"\xff\xfe", "is empty"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "not text but a picture"),
        (b"PK\x03\x04" + bytes(range(200)), "a spreadsheet or archive: save it as CSV"),
        (bytes(range(256)) * 40, "is binary"),
        (EN.encode() + b"b@b.example,\xc3\x28\n", "line 3: is neither UTF-8"),
        ("email,имя\nа@b.example,Я\n".encode() + b"b@b.example,\xff\n", "line 3: is neither UTF-8"),
        (b"\xef\xbb\xbf" + EN.encode() * 2 + b"\xff\n", "line 5: is not utf-8-sig"),
        (EN.encode("utf-16") + b"\x00", "line 3: is not utf-16"),
        (RU.encode("cp1251") + b"x\x98;y\n", "line 4: is not cp1251"),
        (b"name,company\nAnn,A\n", "line 1: has no column for the address"),
        (b"email,E-Mail\na@a.example,b@b.example\n", "line 1: columns 1 and 2 are both the address"),
        (
            b"email," + b",".join(b"c%d" % n for n in range(299)) + b"\na@a.example\n",
            "line 1: has 300 columns",
        ),
        (EN.encode() + b"," * 299 + b"\n", "line 3: has 300 columns"),
        (EN.encode() + b"b@b.example,B\0b\n", "line 3: holds a NUL"),
        (EN.encode() + b"b@b.example," + b"x" * 10_000_000 + b"\n", "line 3: is longer than"),
        (EN.encode() + b"b@b.example," + b"x" * 200_000 + b"\n", "line 3: a quote is opened here"),
        (EN.encode() + b'b@b.example,"Ann\nc@c.example,C\n', "line 3: a quote is opened here and not closed"),
        (
            EN.encode() + b'b@b.example,"Ann\n' + b"c@c.example,C\n" * 20_000,
            "line 3: a quote is opened here and not closed",
        ),
        (EN.encode() + b'b@b.example,"Ann" Lee\n', "line 3: its quotes do not fit"),
        (b'"email,first name\na@a.example,A\n', "line 1: its header cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_naming_file_and_line(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    file = tmp_path / "bad.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(FileRefused, match=problem) as refused:
        _read(file)
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="is not a file"):
        open_leads(tmp_path)


def test_columns_are_known_by_their_english_and_russian_names() -> None:
    english = "E-Mail,First Name,last_name,Company,Country,Phone,Consent Source,consent date,Direction,Language,Time-Zone"
    russian = "Эл. почта,Имя,Фамилия,Компания,Страна,Телефон,Источник согласия,Дата согласия,Направление,Язык,Часовой пояс"
    assert columns(english.split(",")) == columns(russian.split(","))
    assert columns(["Email", "Address"])["address"] == 0
    assert columns(["Address", "Name"]) == {"address": 0, "given_name": 1}


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        file = tmp_path / f"{rows}.csv"
        file.write_text(EN + "".join(f"p{n}@a.example,Ann\n" for n in range(rows)))
        tracemalloc.start()
        assert sum(len(frame) for frame in frames(open_leads(file))) == rows + 1
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(120_000) < 1.3 * peak(40_000)


def test_the_examples_are_read_whole() -> None:
    rows = {file.name: len(_read(file)) for file in (EXAMPLES / "leads").iterdir()}
    assert sum(rows.values()) >= 2000
