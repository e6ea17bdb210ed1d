import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdc.cache.embeddings import Embeddings

ENCODER = {"model": {"digest": "ab"}, "prefix": "query: "}
TEXTS = ["one", "a\0b", "దస్త్రం", "\ud800", ""]


@pytest.fixture
def kept(tmp_path: Path) -> Embeddings:
    return Embeddings(tmp_path / "s.d" / "embeddings.db", ENCODER)


def _vectors(texts: list[str]) -> Any:
    return np.arange(len(texts) * 3, dtype=np.float32).reshape(-1, 3)


def test_what_is_kept_comes_back_bit_for_bit(kept: Embeddings) -> None:
    assert kept.get(TEXTS) == {}
    assert kept.put(TEXTS, _vectors(TEXTS))
    found = kept.get([*TEXTS, "another"])
    assert set(found) == set(TEXTS)
    assert np.stack([found[text] for text in TEXTS]).tolist() == _vectors(TEXTS).tolist()


def test_another_encoder_prefix_or_spelling_is_another_vector(kept: Embeddings, tmp_path: Path) -> None:
    kept.put(["caf\u00e9"], _vectors(["x"]))
    assert kept.get(["cafe\u0301"]) == {}
    path = tmp_path / "s.d" / "embeddings.db"
    assert Embeddings(path, {**ENCODER, "prefix": ""}).get(["caf\u00e9"]) == {}
    assert len(Embeddings(path, dict(ENCODER)).get(["caf\u00e9"])) == 1


def test_more_texts_than_a_statement_can_name(kept: Embeddings) -> None:
    texts = [f"text {i}" for i in range(1200)]
    kept.put(texts, _vectors(texts))
    assert len(kept.get(texts)) == 1200


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"x" * 5000, None])
def test_a_damaged_file_gives_nothing_and_is_begun(kept: Embeddings, tmp_path: Path, content: bytes | None) -> None:
    kept.put(TEXTS, _vectors(TEXTS))
    many = [str(number) for number in range(5000)]
    kept.put(many, _vectors(many))
    file = tmp_path / "s.d" / "embeddings.db"
    file.write_bytes(file.read_bytes()[:5000] if content is None else content)
    assert kept.get(TEXTS) == {}
    assert kept.put(TEXTS, _vectors(TEXTS))
    assert kept.get(TEXTS).keys() == set(TEXTS)


def test_a_file_that_another_process_writes_is_kept(
    kept: Embeddings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.put(["a"], _vectors(["a"]))
    monkeypatch.setattr("sdc.cache.embeddings._TIMEOUT_S", 0.05)
    with closing(sqlite3.connect(tmp_path / "s.d" / "embeddings.db")) as con:
        con.execute("begin immediate")
        assert not kept.put(["b"], _vectors(["b"]))
    assert kept.get(["a"]).keys() == {"a"}


def test_a_vector_that_is_no_number_is_not_taken(kept: Embeddings) -> None:
    vectors = _vectors(["a", "b"])
    vectors[1, 2] = np.nan
    kept.put(["a", "b"], vectors)
    assert kept.get(["a", "b"]) == {}
    assert len(kept.get(["a"])) == 1


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not Embeddings(tmp_path / "file" / "embeddings.db", ENCODER).put(TEXTS, _vectors(TEXTS))
