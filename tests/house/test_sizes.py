"""The size check finds what is too large."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.sizes import main

ROOT = Path(__file__).parents[2]


def function(lines: int, name: str = "f", doc: str = "") -> str:
    return f"def {name}():\n{doc}" + "    x = 1\n" * (lines - 1)


@pytest.mark.parametrize(("source", "said"), [
    (function(8), "small enough"),
    (function(8) * 3 + function(50), "small enough"),
    (function(8) * 3 + function(51), "has 51 lines, 50 is the limit"),
    (function(8) * 3 + function(50, doc='    """One."""\n'), "small enough"),
    (function(9), "the median function has 9 lines"),
    (function(4) * 25 + "x = 1\n" * 100, "the median file has 200 lines"),
    (function(4) * 50 + "x = 1\n" * 201, "has 401 lines, 400 is the limit"),
    ("class C:\n" + "    async def f(self):\n" + "        x = 1\n" * 51, "has 52 lines, 50 is the limit"),
])  # fmt: skip
def test_what_is_too_large_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, said: str
) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db/fat.py").write_text(source)
    code = main(tmp_path)
    printed = capsys.readouterr().out
    assert said in printed
    assert code == (0 if "small enough" in said else 1)


def test_the_house_is_small_enough(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(ROOT) == 0, capsys.readouterr().out
