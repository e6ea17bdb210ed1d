import json
import pickle
import sqlite3
import stat
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sdc.cache.replies import inspect, remove, replies
from sdc.errors import StoreError


class _Bomb:
    """Unpickling it makes a file: the proof that somebody did."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (Path.touch, (self.proof,))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with replies(tmp_path / "replies") as cache:
        cache.put_many({"k1": {"text": "ఒకటి", "scores": [0.5, -1]}, "k2": {"text": ""}})
    return tmp_path / "replies"


def _change(folder: Path, sql: str, *parameters: object) -> None:
    with closing(sqlite3.connect(folder / "cache.db")) as con, con:
        con.execute(sql, parameters)


def _key(text: str) -> bytes:
    return zlib.compress(json.dumps(text).encode(), 1)


def test_replies_come_back_as_they_went_in(folder: Path) -> None:
    big = {"text": "x" * 100_000 + "é"}
    with replies(folder) as cache:
        cache.put_many({"big": big})
    with replies(folder) as cache:
        assert cache.get_many(["k1", "missing", "big"]) == {"k1": {"text": "ఒకటి", "scores": [0.5, -1]}, "big": big}
        assert sorted(cache) == ["big", "k1", "k2"]
        assert len(cache) == 3
    assert inspect(folder).num_replies == 3


def test_only_the_owner_may_read_them(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "cache.db").stat().st_mode) == 0o600


def test_a_folder_in_the_place_of_the_database_is_a_fault(folder: Path) -> None:
    assert inspect(folder.with_name("none")).fatal == ""
    (folder / "cache.db").unlink()
    (folder / "cache.db").mkdir()
    assert inspect(folder).fatal == "cache.db is no file"


def test_a_planted_pickle_is_refused_and_never_loaded(folder: Path, tmp_path: Path) -> None:
    proof = tmp_path / "exploded"
    bomb = pickle.dumps(_Bomb(proof))
    _change(folder, "update Cache set mode = 4, value = ? where key = ?", bomb, _key("k1"))
    with replies(folder) as cache:
        assert cache.get_many(["k1"]) == {}
        assert cache.unreadable == {"k1": "it is a pickle"}
    assert list(inspect(folder).damaged.values()) == ["it is a pickle"]
    assert not proof.exists()
    pickle.loads(bomb)
    assert proof.exists()  # the bomb is a real one


def test_a_planted_pickle_in_a_file_is_refused_and_never_loaded(folder: Path, tmp_path: Path) -> None:
    proof = tmp_path / "exploded"
    (folder / "bomb.val").write_bytes(pickle.dumps(_Bomb(proof)))
    _change(folder, "update Cache set mode = 4, value = null, filename = 'bomb.val' where key = ?", _key("k1"))
    with replies(folder) as cache:
        assert cache.get_many(["k1"]) == {}
        assert cache.unreadable == {"k1": "it is a pickle"}
    assert not proof.exists()


def test_a_planted_pickled_key_is_refused_and_never_loaded(folder: Path, tmp_path: Path) -> None:
    proof = tmp_path / "exploded"
    _change(folder, "update Cache set raw = 0, key = ? where key = ?", pickle.dumps(_Bomb(proof)), _key("k1"))
    with replies(folder) as cache, pytest.raises(StoreError, match="its key is a pickle"):
        list(cache)
    assert list(inspect(folder).damaged.values()) == ["its key is a pickle"]
    assert not proof.exists()


_DEEP = zlib.compress(b"[" * 100_000)


@pytest.mark.parametrize(
    ("sql", "value", "what"),
    [
        ("value = ?", b"garbage", "it is not JSON"),
        ("value = ?", b"", "it is cut off"),
        ("value = ?", zlib.compress(b'{"text": "x"}')[:-6], "it is cut off"),
        ("value = ?", zlib.compress(b"{not json"), "it is not JSON"),
        ("value = ?", zlib.compress(b"\xff\xfe"), "it is not JSON"),
        ("value = ?", _DEEP, "it is not JSON"),
        ("value = ?", "text", "it is not JSON"),
        ("value = ?", 7, "it is not JSON"),
        ("value = ?", None, "it is not JSON"),
        ("mode = 2, value = null, filename = ?", "ab/gone.val", "its file ab/gone.val cannot be read"),
        ("mode = ?", 3, "it has the unknown mode 3"),
        ("mode = ?", "x", "it has the unknown mode x"),
    ],
)
def test_a_reply_that_cannot_be_read_is_noted_and_can_be_kept_again_or_removed(
    folder: Path, sql: str, value: object, what: str
) -> None:
    _change(folder, f"update Cache set {sql} where key = ?", value, _key("k1"))
    with replies(folder) as cache:
        assert cache.get_many(["k2", "k1", "k3"]) == {"k2": {"text": ""}}
        assert cache.unreadable == {"k1": what}
    inspection = inspect(folder)
    assert (list(inspection.damaged.values()), inspection.num_replies) == ([what], 1)
    with replies(folder) as cache:
        cache.put_many({"k1": {"text": "again"}})
        assert cache.get_many(["k1"]) == {"k1": {"text": "again"}}
        assert cache.unreadable == {}
    _change(folder, f"update Cache set {sql} where key = ?", value, _key("k1"))
    remove(folder, inspect(folder).damaged)
    assert not inspect(folder).damaged
    with replies(folder) as cache:
        assert set(cache.get_many(["k1", "k2"])) == {"k2"}
        assert len(cache) == 1


def test_many_replies_are_kept_all_or_none(folder: Path) -> None:
    with replies(folder) as cache, pytest.raises(TypeError):
        cache.put_many({"k3": {"text": "fine"}, "k4": object()})
    with replies(folder) as cache:
        assert sorted(cache) == ["k1", "k2"]


def test_a_killed_process_loses_no_acknowledged_reply(tmp_path: Path) -> None:
    program = """
import sys, itertools
from pathlib import Path
from sdc.cache.replies import replies
with replies(Path(sys.argv[1])) as cache:
    for i in itertools.count():
        cache.put_many({f"{i}-{j}": {"text": "x" * 50} for j in range(20)})
        print(i, flush=True)
"""
    folder = tmp_path / "replies"
    child = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child.stdout as lines:
        done = [int(next(lines)) for _ in range(5)]
        child.kill()
        done += [int(line) for line in lines if line.endswith("\n")]
    child.wait()
    with replies(folder) as cache:
        there = set(cache)
    assert {f"{i}-{j}" for i in done for j in range(20)} <= there
    assert len(there) % 20 == 0  # a batch is there whole or not at all
    assert inspect(folder).damaged == {}


def test_a_cache_that_is_no_database_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "cache.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match="reply cache"), replies(tmp_path):
        pass
    assert "not a database" in inspect(tmp_path).fatal


def test_looking_into_a_cache_that_is_not_there_makes_none(tmp_path: Path) -> None:
    assert inspect(tmp_path / "no").num_replies == 0
    assert not (tmp_path / "no").exists()
