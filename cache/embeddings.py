"""Embeddings of texts, kept by what they are of: the encoder's identity and the text's content.

They cost seconds, not money: nothing is lost with the file, and where it is damaged it is begun anew. Here: one
SQLite file beside the store. Not here: computing them (`pipelines/encoders/`).
"""

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sdc.cache.key import digest

_TIMEOUT_S = 30.0
#: Bound variables of one statement.
_AT_ONCE = 500
#: Bytes of the sha256 that name a text.
_NAME_BYTES = 16
_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


class Embeddings:
    """The embeddings of one encoder.

    Args:
        path: The file, for all encoders of a store; it is made when something is kept.
        encoder: All that decides a vector beside the text.
    """

    def __init__(self, path: Path, encoder: Mapping[str, Any]) -> None:
        self._path, self._encoder = path, bytes.fromhex(digest(encoder))

    def get(self, texts: Sequence[str]) -> dict[str, Any]:
        """Returns text -> vector_E (float32) of those that are kept; none of a file that is damaged."""
        import numpy as np

        by_name = {_name(text): text for text in texts}
        names, found = list(by_name), {}
        try:
            with self._open(write=False) as con:
                for start in range(0, len(names), _AT_ONCE):
                    part = names[start : start + _AT_ONCE]
                    marks = ",".join("?" * len(part))
                    sql = f"select text, vector from embeddings where encoder = ? and text in ({marks})"
                    for name, vector in con.execute(sql, [self._encoder, *part]):
                        found[by_name[name]] = np.frombuffer(vector, dtype="<f4")
        except (sqlite3.Error, OSError, ValueError, TypeError, KeyError):
            return {}
        sound = len({vector.shape for vector in found.values()}) == 1 and np.isfinite(list(found.values())).all()
        return found if sound else {}

    def put(self, texts: Sequence[str], vectors_NE: Any) -> bool:
        """Keeps vectors, in a new file where the old one is damaged; returns whether it could."""
        rows = [
            (self._encoder, _name(text), vector.astype("<f4").tobytes())
            for text, vector in zip(texts, vectors_NE, strict=True)
        ]
        try:
            try:
                self._insert(rows)
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:  # the upper bits say where
                    raise
                self._path.unlink(missing_ok=True)
                self._path.with_name(f"{self._path.name}-journal").unlink(missing_ok=True)
                self._insert(rows)
        except (sqlite3.Error, OSError):
            return False
        return True

    def _insert(self, rows: Sequence[tuple[bytes, bytes, bytes]]) -> None:
        with self._open(write=True) as con, con:
            con.executemany("insert or replace into embeddings values (?, ?, ?)", rows)

    @contextmanager
    def _open(self, *, write: bool) -> Iterator[sqlite3.Connection]:
        if write:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            self._path.touch(mode=0o600)
        with closing(
            sqlite3.connect(f"{self._path.as_uri()}?mode={'rw' if write else 'ro'}", uri=True, timeout=_TIMEOUT_S)
        ) as con:
            if write:
                con.execute(
                    "create table if not exists embeddings (encoder blob, text blob, vector blob,"
                    " primary key (encoder, text)) without rowid"
                )
            yield con


def _name(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:_NAME_BYTES]
