"""The artifact store: artifacts and their rows in one DuckDB file that commands share.

Here: putting, finding, querying. Not here: opening the file and waiting for one's turn (`file.py`), what the rows mean
(stages), the schema (`migrations.py`), maintenance (`verify.py`, `upkeep.py`), replies and blobs.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdc.cache import columns, content, freshness, owned
from sdc.cache.blobs import Blobs
from sdc.cache.file import StoreFile, now
from sdc.cache.key import SHORT, check_prefix, recipe_key
from sdc.cache.replies import Replies, replies
from sdc.errors import StoreError, UsageError, first_line

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from pyarrow import Table

Rows = columns.Rows


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """The immutable result of one stage. Its rows stand in the tables under the same key."""

    key: str
    stage: str
    version: int
    lang: str | None
    task: str | None
    config: Mapping[str, Any]
    inputs: Sequence[str]
    summary: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None

    @property
    def short(self) -> str:
        """The key as people see it."""
        return self.key[:SHORT]

    def recomputed_key(self) -> str:
        """Returns the key that the other fields give; equal to `key` unless somebody changed the row."""
        return recipe_key(self.stage, self.version, self.config, self.inputs, lang=self.lang, task=self.task)


_COLUMNS = "key, stage, version, lang, task, config, inputs, summary, seconds"
_AMONG = "key in (select unnest(?::varchar[]))"


class Store(StoreFile):
    """The artifacts in one DuckDB file, with `blobs/` and `replies/` in the folder that belongs to it.

    Args:
        path: The DuckDB file; it is made on the first write.
        lock_timeout_s: How long to wait while another process has the file, in seconds; see `StoreFile`.
    """

    def __init__(self, path: Path, *, lock_timeout_s: float | None = None) -> None:
        super().__init__(path, lock_timeout_s=lock_timeout_s)
        self.blobs = Blobs(self.place.home / "blobs", before=self.place.before("blobs"))
        self.replies_folder = self.place.home / "replies"

    def replies(self) -> AbstractContextManager[Replies]:
        """Opens the reply cache, with what older sdc versions kept beside the store."""
        return replies(self.replies_folder, before=self.place.before("replies"))

    # -- reading ------------------------------------------------------------------------------------------------

    def query_with_names(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Returns column names and rows of a statement that a person typed; it can neither write nor leave the file."""
        import duckdb

        with self.open() as con:
            try:
                statements = con.extract_statements(sql)
                if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                    raise UsageError("that is not one select", "sdc store sql", "write one select; see docs/store.md")
                cursor = con.execute(statements[0])
                return [column[0] for column in cursor.description or []], cursor.fetchall()
            except duckdb.Error as error:
                raise UsageError(
                    first_line(error, most=None), "sdc store sql", "see docs/store.md for tables"
                ) from error

    def query_arrow(self, sql: str, parameters: Sequence[Any] = ()) -> "Table":
        """Returns the rows of a select as an Arrow table: for rows by the thousand, of which Python makes no objects.

        Raises:
            StoreError: There is no store.
        """
        columns.load()
        with self.open() as con:
            return con.sql(sql, params=list(parameters)).to_arrow_table()

    def get(self, key: str) -> Artifact | None:
        """Returns the artifact with this full key, or None."""
        found = self.query(f"select {_COLUMNS} from artifacts where key = ?", [key])
        return _artifact(found[0]) if found else None

    def get_many(self, keys: Sequence[str]) -> dict[str, Artifact]:
        """Returns key -> artifact of those of `keys` (full ones) that are in the store, in the order given."""
        found = {
            row[0]: _artifact(row) for row in self.query(f"select {_COLUMNS} from artifacts where {_AMONG}", [keys])
        }
        return {key: found[key] for key in keys if key in found}

    def existing(self, keys: Iterable[str]) -> set[str]:
        """Returns those of `keys` that are in the store."""
        return {row[0] for row in self.query(f"select key from artifacts where {_AMONG}", [list(keys)])}

    def resolve(self, text: str, *, stages: Sequence[str] = ()) -> Artifact:
        """Returns the one artifact whose key begins with `text`.

        Raises:
            UsageError: No key, no such artifact, several, or one of another stage than `stages`.
        """
        return self.resolve_many([text], stages=stages)[0]

    def resolve_many(self, texts: Sequence[str], *, stages: Sequence[str] = ()) -> list[Artifact]:
        """Returns the artifact of each of `texts`, in order, from one opening of the store: a pipe may bring hundreds.

        Raises:
            UsageError: As `resolve`.
            StoreError: There is no store.
        """
        prefixes = [check_prefix(text) for text in texts]
        self.must_exist()
        found: dict[str, list[Artifact]] = {}
        for length in sorted({len(prefix) for prefix in prefixes}):  # nearly always one: 12, or 64
            wanted = sorted({prefix for prefix in prefixes if len(prefix) == length})
            sql = f"select {_COLUMNS} from artifacts where left(key, ?) in (select unnest(?::varchar[]))"
            for row in self.query(sql, [length, wanted]):
                artifact = _artifact(row)
                found.setdefault(artifact.key[:length], []).append(artifact)
        return [self._only(prefix, found.get(prefix, []), stages) for prefix in prefixes]

    def _only(self, prefix: str, found: Sequence[Artifact], stages: Sequence[str]) -> Artifact:
        if not found:
            raise UsageError(f"no artifact {prefix[:SHORT]}", str(self.path), "see `sdc store ls`")
        if len(found) > 1:
            raise UsageError(f"key {prefix} is ambiguous", str(self.path), "type more of its digits")
        artifact = found[0]
        if stages and artifact.stage not in stages:
            raise UsageError(
                f"artifact {artifact.short} is of stage {artifact.stage}, wanted {' or '.join(stages)}",
                fix="see `sdc store ls`",
            )
        return artifact

    def find(
        self, stage: str, *, lang: str | None = None, task: str | None = None, limit: int | None = None
    ) -> list[Artifact]:
        """Returns the artifacts of a stage, last used first."""
        found = self.query(
            f"""select {_COLUMNS} from artifacts
            where stage = ? and (? is null or lang = ?) and (? is null or task = ?)
            order by used_at desc, key limit ?""",
            [stage, lang, lang, task, task, limit if limit is not None else 2**31],
        )
        return [_artifact(row) for row in found]

    def everything(self) -> list[Artifact]:
        """Returns all artifacts, last used first."""
        return [_artifact(row) for row in self.query(f"select {_COLUMNS} from artifacts order by used_at desc, key")]

    # -- writing ------------------------------------------------------------------------------------------------

    def put(self, artifact: Artifact, rows: Rows, *, replace: bool = False, seen: freshness.Seen | None = None) -> int:
        """Keeps an artifact with its rows, as `put_many`."""
        return self.put_many([(artifact, rows)], replace=replace, seen=seen)

    def put_many(
        self, items: Sequence[tuple[Artifact, Rows]], *, replace: bool = False, seen: freshness.Seen | None = None
    ) -> int:
        """Keeps several artifacts in one transaction, all or none; returns how many others are stale through it.

        One that is there and is a hit stays, unless `replace`.

        Args:
            items: The artifacts, each after those of them that it was made from, with their rows: mappings, or Arrow
                tables where they are many. Outputs are of the one row of `runs` that is put with them.
            replace: Put them in the place of those that are there.
            seen: Of their inputs, from before these were read (`freshness.seen`); None takes what is there now.
        """
        if not items:
            return 0
        wanted = {artifact.key: (artifact, rows) for artifact, rows in items}
        contents = {key: content.of_rows(rows) for key, (_, rows) in wanted.items()}
        lacking = {key: freshness.unanswered(artifact.summary) for key, (artifact, _) in wanted.items()}
        columns.load()
        batches = owned.batches({key: rows for key, (_, rows) in wanted.items()})
        with self.open(write=True) as con:
            there, replaced = freshness.to_replace(con, lacking, force=replace)
            if replaced:
                freshness.remember_replaced(con, replaced)
                owned.remove(con, list(replaced))
            new = {key: artifact for key, (artifact, _) in wanted.items() if key not in there - replaced}
            owned.insert(con, batches, {place: key for place, key in enumerate(wanted) if key in new})
            sources = freshness.sources(con, {key: item.inputs for key, item in new.items()}, contents, seen)
            _insert(con, "made_from", columns.table(sources))
            time = now()
            about = {key: {"content": contents[key], "unanswered": lacking[key]} for key in new}
            made = [_row(artifact, time) | about[key] for key, artifact in new.items()]
            _insert(con, "artifacts", columns.table(made))
            return freshness.num_stale(con, replaced)

    def add_blobs(self, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Gives an artifact that is there the files that belong to it, in the place of those it had."""
        batch = columns.table([{"key": key, **row} for row in rows])
        with self.open(write=True) as con:
            con.execute("delete from blobs where key = ?", [key])
            if con.execute("select 1 from artifacts where key = ?", [key]).fetchall():
                _insert(con, "blobs", batch)

    def touch(self, keys: Sequence[str]) -> set[str]:
        """Returns those of `keys` that are in the store, and marks them as used now.

        "The newest" artifact is the one that was made or asked for last. A store that can only be read still answers;
        then nothing is marked.
        """
        if not self.exists():
            return set()
        try:
            with self.open(write=True) as con:
                # With `returning` DuckDB deletes whole rows and inserts them again, with their index, and does not give
                # all of them back: of 140,000 keys in two row groups, 112 were missing.
                con.execute(f"update artifacts set used_at = ? where {_AMONG}", [now(), list(keys)])
                return {row[0] for row in con.execute(f"select key from artifacts where {_AMONG}", [keys]).fetchall()}
        except StoreError:
            return self.existing(keys)

    def known_file_digests(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Returns the sha256 of files, computed again only for those whose size or modification time changed."""
        from sdc.cache.key import file_digest

        about = {path: (str(path.resolve()), path.stat()) for path in paths}
        rows = self.query(
            "select path, bytes, modified_ns, digest from file_digests where path in (select unnest(?::varchar[]))",
            [[name for name, _ in about.values()]],
        )
        known = {row[:3]: str(row[3]) for row in rows}
        found, fresh = {}, []
        for path, (name, stat) in about.items():
            mark = (name, stat.st_size, stat.st_mtime_ns)
            found[path] = known.get(mark) or file_digest(path)
            if mark not in known:
                fresh.append([*mark, found[path]])
        if fresh and self.exists():
            with suppress(StoreError), self.open(write=True) as con:  # only saves time: a store may be read-only
                con.executemany("insert or replace into file_digests values (?, ?, ?, ?)", fresh)
        return found


def _row(artifact: Artifact, time: datetime) -> dict[str, Any]:
    return {
        **{name: getattr(artifact, name) for name in ("key", "stage", "version", "lang", "task", "seconds")},
        "inputs": list(artifact.inputs),
        "config": json.dumps(artifact.config, ensure_ascii=False),
        "summary": json.dumps(artifact.summary, ensure_ascii=False),
        "created_at": time,
        "used_at": time,
    }


def _artifact(row: Sequence[Any]) -> Artifact:
    key, stage, version, lang, task, config, inputs, summary, seconds = row
    return Artifact(
        key=key,
        stage=stage,
        version=version,
        lang=lang,
        task=task,
        config=json.loads(config),
        inputs=inputs,
        summary=json.loads(summary),
        seconds=seconds,
    )


def _insert(con: "DuckDBPyConnection", table: str, batch: "Table | None") -> None:
    if batch is None:
        return
    con.register("batch", batch)
    con.execute(f"insert into {table} by name select * from batch")
    con.unregister("batch")
