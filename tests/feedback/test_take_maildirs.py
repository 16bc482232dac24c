"""Mail is in the inbox, raw, before anybody looks at it; a crash between leaves nothing out and takes nothing twice."""

from __future__ import annotations

from mailfleet.acts.take_feedback import drain, take_maildirs
from mailfleet.probes import maildir
from tests.feedback.given import KEYS, dsn


def put(root, domain: str, name: str, raw: bytes) -> None:
    (root / domain / "new").mkdir(parents=True, exist_ok=True)
    (root / domain / "new" / name).write_bytes(raw)


def test_new_mail_is_stored_raw_and_moved(world, tmp_path):
    raw = dsn("x@y.example") + bytes(range(256))
    put(tmp_path, "b.acme.example", "1.a", raw)
    put(tmp_path, "b.zeta.example", "2.b", b"other")
    assert take_maildirs(world.engine, tmp_path) == {"taken": 2, "known": 0, "too_large": 0}
    assert world.run("SELECT place, body, source FROM inbox ORDER BY place") == [
        ("b.acme.example", raw, "maildir"), ("b.zeta.example", b"other", "maildir"),
    ]  # fmt: skip
    assert [path.name for path in (tmp_path / "b.acme.example" / "cur").iterdir()] == ["1.a:2,S"]
    assert take_maildirs(world.engine, tmp_path) == {"taken": 0, "known": 0, "too_large": 0}


def test_after_a_crash_before_the_move_it_is_known_and_moved(world, tmp_path):
    for name in ("1.a", "2.the-same-again"):
        put(tmp_path, "b.acme.example", name, b"a report")
        take_maildirs(world.engine, tmp_path)
    put(tmp_path, "b.acme.example", "3.c", b"a report")
    assert take_maildirs(world.engine, tmp_path) == {"taken": 0, "known": 1, "too_large": 0}
    assert world.one("SELECT count(*) FROM inbox") == 1
    assert list((tmp_path / "b.acme.example" / "new").iterdir()) == []


def test_what_is_too_large_stays_and_is_counted(world, tmp_path):
    put(tmp_path, "b.acme.example", "1.a", b"x" * (maildir.LARGEST + 1))
    put(tmp_path, "b.acme.example", "2.b", b"x" * maildir.LARGEST)
    assert take_maildirs(world.engine, tmp_path) == {"taken": 1, "known": 0, "too_large": 1}
    assert [path.name for path in (tmp_path / "b.acme.example" / "new").iterdir()] == ["1.a"]


def test_many_are_taken_in_batches(world, tmp_path):
    for number in range(120):
        put(tmp_path, "b.acme.example", f"{number:03}", b"mail %d" % number)
    assert take_maildirs(world.engine, tmp_path)["taken"] == 120
    assert drain(world.engine, KEYS) == {"not_understood": 120, "dropped": 0}


def test_a_root_that_is_not_there_has_no_mail(world, tmp_path):
    (tmp_path / "file").write_text("")
    assert take_maildirs(world.engine, tmp_path / "nowhere") == {"taken": 0, "known": 0, "too_large": 0}
    assert take_maildirs(world.engine, tmp_path) == {"taken": 0, "known": 0, "too_large": 0}
