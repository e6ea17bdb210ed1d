"""Finding what is wrong in a store: faults, which make a result wrong, and notes, which are harmless.

Here: every check of `sdc store verify`; nothing is written. Not here: repair (`upkeep.py`).
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdc.cache import again, atomic, earlier, inside, members, outputs, owned, replies, scratch
from sdc.cache.counted import counted
from sdc.cache.key import SHORT
from sdc.cache.store import Store

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_GC = "`sdc store gc` removes"
_UNSAFE = "no sdc wrote it, and predict and export refuse it: find out who made this store"
_AGAIN = "run the command that made it again with --force"

#: The table in which every finished artifact of a stage has at least one row.
_ROWS_OF = {"data": "examples", "sample": "draws", "train": "runs", "icl": "runs"}

# Each query gives (key, count). An artifact that is not in this store (a store of one job of an array) is a note, made
# by `_missing`; here only references into artifacts that are here are followed.
_REFERENCES = (
    (
        "{n} verdicts are about examples that {key} does not have",
        """select v.key, count(*) from verdicts v join artifacts a on a.key = v.example_key
        where not exists (from examples e where e.key = v.example_key and e.idx = v.idx) group by all""",
    ),
    (
        "{n} draws of {key} do not have the number of rows they state",
        """select key, count(*) from draws
        where num_rows <> len(members) + coalesce(len(human_members), 0) group by all""",
    ),
    ("{key} has {n} runs instead of one", "select key, count(*) from runs group by key having count(*) > 1"),
    (
        "run {key} has no number of its own",
        """select key, count(*) from runs
        where no is null or no in (select no from runs group by no having count(distinct key) > 1) group by key""",
    ),
    (
        "{n} readings of {key} do not have a label for each row of the test",
        """select g.key, count(*) from readings g join runs r on r.key = g.run join artifacts a on a.key = r.test_key
        left join (
            select key, count(*) as num from examples where status = 'ok' and label is not null group by key
        ) e on e.key = r.test_key
        where octet_length(g.labels) not in (coalesce(e.num, 0), 2 * coalesce(e.num, 0)) group by all""",
    ),
    (
        "{n} examples of {key} share their idx with another",
        """select key, count(*) from (select key, idx from examples group by all having count(*) > 1) group by all""",
    ),
)

_MISSING = (
    ("input", "select distinct key, unnest(inputs) from artifacts"),
    (
        "examples",
        """select distinct key, example_key from verdicts union select distinct key, example_key from draws
        union select distinct key, human_key from draws where human_key is not null""",
    ),
    ("test examples", "select distinct key, test_key from runs"),
    ("run", "select distinct key, run from metrics union select key, run from readings"),
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What `verify` found.

    Args:
        num_artifacts: Artifacts looked at.
        num_blobs: Blobs that artifacts own.
        num_replies: Replies that can be read.
        faults: One line each: what, where, how to repair it.
        notes: One line each: harmless leftovers and artifacts whose input is in another store.
    """

    num_artifacts: int
    num_blobs: int
    num_replies: int
    faults: tuple[str, ...]
    notes: tuple[str, ...]


def verify(store: Store, *, check: replies.ReplyCheck | None = None) -> Verdict:
    """Returns everything that is wrong in a store, with its blobs and its reply cache.

    Args:
        store: The store.
        check: Says what a kept reply lacks to be one; see `replies.inspect`.

    Raises:
        StoreError: The store cannot be opened at all.
    """
    with store.open() as con:
        artifacts = con.execute("select count(*) from artifacts").fetchall()[0][0]
        files = con.execute("select key, name, digest, bytes from blobs order by all").fetchall()
        faults = [*_orphans(con), *_rowless(con), *_dangling(con)]
        notes = list(_missing(con))
    # The file is closed here: hashing keys and weights may take a while, and others want their turn.
    wrong, older = _wrong_keys(store)
    faults += [*wrong, *again.faults(store)]
    notes += older
    unsafe = blob_faults(files)
    faults += [f"{what} in {key[:SHORT]}; {_UNSAFE}" for key, what in unsafe.items()]
    for key, name, digest, size in files:
        if key in unsafe:
            continue
        fault = store.blobs.fault(digest, size)
        if fault:
            faults.append(f"blob {digest[:SHORT]} ({name} of {key[:SHORT]}) is {fault}; {_AGAIN}")
    for folder in (store.place.home, store.place.home / "blobs", store.replies_folder):
        if folder.exists() and not folder.is_dir():
            faults.append(f"{folder} is no folder: blobs and replies cannot be kept; move it away")
            break
    num_replies = 0
    for folder in (store.replies_folder, *store.place.before("replies")):
        inspection = replies.inspect(folder, check)
        num_replies += inspection.num_replies
        if inspection.fatal:
            faults.append(f"the reply cache {folder} cannot be read ({inspection.fatal}); move that folder away")
        faults += [f"reply {row} in {folder}: {what}; {_GC} it" for row, what in inspection.damaged.items()]
    notes += [f"{path} was left by a process that was killed; {_GC} it" for path in leftovers(store)]
    notes += earlier.notes(store)
    unowned = unreferenced(store, {digest for _, _, digest, _ in files})
    if unowned:
        notes.append(f"{counted(len(unowned), 'blob')} without an artifact ({sum(unowned.values())} bytes); {_GC} that")
    return Verdict(
        num_artifacts=artifacts,
        num_blobs=len(files),
        num_replies=num_replies,
        faults=tuple(faults),
        notes=tuple(notes),
    )


def blob_faults(rows: Iterable[tuple[str, str, str, int]]) -> dict[str, str]:
    """Returns key -> what is wrong with the names and digests of its files: rows are (key, name, digest, bytes).

    predict and export write files of these names: one that leads out of a folder is somebody's attempt to write others.
    """
    of_key: dict[str, list[tuple[str, str]]] = {}
    for key, name, digest, _ in rows:
        of_key.setdefault(key, []).append((name, digest))
    found = {}
    for key, files in of_key.items():
        wrong = [f"the file name {what}" for what in inside.faults(name for name, _ in files)]
        wrong += [f"{digest[:80]!r} is no digest of a file" for _, digest in files if not inside.is_digest(digest)]
        if wrong:
            found[key] = wrong[0]
    return found


def leftovers(store: Store) -> list[Path]:
    """Returns what killed commands left: files beside a store and in it, temporary folders, unfinished exports."""
    return [*sorted([*atomic.left(store.path), *store.blobs.temporary()]), *scratch.left(store.place.exports)]


def unreferenced(store: Store, wanted: set[str]) -> dict[str, int]:
    """Returns digest -> bytes of the blobs on disk that are not `wanted`."""
    return {digest: size for digest, size in store.blobs.all().items() if digest not in wanted}


def _orphans(con: "DuckDBPyConnection") -> Iterator[str]:
    for table, (rows, owners) in owned.unowned(con).items():
        yield f"{counted(rows, 'row')} of {table} without an artifact ({counted(owners, 'key')}); {_GC} that"


def _rowless(con: "DuckDBPyConnection") -> Iterator[str]:
    for stage, table in _ROWS_OF.items():
        for (key,) in con.execute(
            f"select key from artifacts where stage = ? and key not in (select key from {table}) order by key", [stage]
        ).fetchall():
            yield f"{stage} artifact {key[:SHORT]} has no rows in {table}; {_AGAIN}"
    for key, stated, there in con.execute(
        """select a.key, a.summary ->> '$.rows', count(e.key) from artifacts a left join examples e on e.key = a.key
        where a.stage = 'data' and a.summary ->> '$.rows' is not null group by all
        having a.summary ->> '$.rows' <> count(e.key)::varchar"""
    ).fetchall():
        yield f"data artifact {key[:SHORT]} states {counted(int(stated), 'row')} and has {there}; {_AGAIN}"


def _dangling(con: "DuckDBPyConnection") -> Iterator[str]:
    for text, sql in _REFERENCES:
        for key, number in sorted(con.execute(sql).fetchall()):
            yield f"{text.format(n=number, key=key[:SHORT])}; {_AGAIN}"
    for key, number in members.faults(con):
        yield f"{number} draws of {key[:SHORT]} have members that are no examples; {_AGAIN}"
    for text, key, number in outputs.faults(con):
        yield f"{text.format(n=number, key=key[:SHORT])}; {_AGAIN}"


def _missing(con: "DuckDBPyConnection") -> Iterator[str]:
    for what, sql in _MISSING:
        for key, wanted in sorted(
            con.execute(
                f"select * from ({sql}) as t(key, wanted) where wanted not in (select key from artifacts)"
            ).fetchall()
        ):
            yield (
                f"missing {what} {wanted[:SHORT]} of {key[:SHORT]}; it is in the store that it was made in:"
                " `sdc store merge` brings it"
            )


def _wrong_keys(store: Store) -> tuple[list[str], list[str]]:
    """Returns a fault for each artifact whose key is not that of its recipe, and a note where it once was."""
    faults, notes = [], []
    for artifact in store.everything():
        if artifact.recomputed_key() == artifact.key:
            continue
        before = replace(artifact, config=_composed(artifact.config), task=_composed(artifact.task))
        if before.recomputed_key() == artifact.key:
            what = "it is from an sdc to which two Unicode forms of a text were one"
            notes.append(f"{artifact.stage} artifact {artifact.short} has a key of its own today: {what}")
        else:
            what = f"{artifact.stage} artifact {artifact.short} was changed: its key is not that of its recipe"
            faults.append(f"{what}; {_AGAIN}")
    return faults, notes


def _composed(value: Any) -> Any:
    """Returns settings with all text in NFC, as older versions hashed it."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, Mapping):
        return {_composed(name): _composed(item) for name, item in value.items()}
    return [_composed(item) for item in value] if isinstance(value, list | tuple) else value
