"""Looking around in a store: lists and trees for people.

Here: the queries behind `sdc store ls` and `show`. Not here: drawing (`cli/`), checks (`verify.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sdc.cache import freshness, owned
from sdc.cache.counted import counted
from sdc.cache.key import SHORT
from sdc.cache.store import Artifact, Store

_NUM_WORDS = 6
#: Of a summary in a list.
_NAMES = ("method", "model", "source", "split", "strategy")
_COUNTS = ("rows", "num_rows", "ok", "accepted", "draws")


@dataclass(frozen=True, kw_only=True)
class Listed:
    """An artifact in a list: itself, when it was made and last used (UTC), how many rows it has, and its state."""

    artifact: Artifact
    created_at: datetime
    used_at: datetime
    num_rows: int
    state: str


def listing(
    store: Store,
    *,
    stage: str | None = None,
    lang: str | None = None,
    task: str | None = None,
    limit: int | None = None,
) -> list[Listed]:
    """Returns the artifacts that match, last used first."""
    if not store.exists():
        return []
    with store.open() as con:
        found = con.execute(
            """select key, created_at, used_at from artifacts
            where (? is null or stage = ?) and (? is null or lang = ?) and (? is null or task = ?)
            order by used_at desc, key limit ?""",
            [stage, stage, lang, lang, task, task, 2**31 if limit is None else limit],
        ).fetchall()
        keys = [row[0] for row in found]
        rows = owned.counts(con, keys)
    artifacts, stale = store.get_many(keys), freshness.stale(store, keys)
    return [
        Listed(
            artifact=artifacts[key],
            created_at=created,
            used_at=used,
            num_rows=sum(rows.get(key, {}).values()),
            state=state(artifacts[key], is_stale=key in stale),
        )
        for key, created, used in found
        if key in artifacts
    ]


def state(artifact: Artifact, *, is_stale: bool) -> str:
    """Returns why an artifact is no hit: `stale`, `N unanswered`, both by a comma, or nothing."""
    lacking = freshness.unanswered(artifact.summary)
    return ", ".join([*(["stale"] if is_stale else []), *([f"{lacking} unanswered"] if lacking else [])])


def row_counts(store: Store, key: str) -> dict[str, int]:
    """Returns table -> number of rows of an artifact, without the tables that have none."""
    with store.open() as con:
        return owned.counts(con, [key]).get(key, {})


def dependents(store: Store, key: str) -> list[Artifact]:
    """Returns the artifacts that were made directly from this one."""
    found = store.query("select key from artifacts where list_contains(inputs, ?) order by used_at desc, key", [key])
    return list(store.get_many([row[0] for row in found]).values())


def lineage(store: Store, artifact: Artifact) -> dict[str, Any]:
    """Returns an artifact with its inputs, their inputs and so on up to the data, as nested mappings.

    An input that is not in this store has the stage `missing`.
    """

    def node(key: str) -> dict[str, Any]:
        found = store.get(key)
        if found is None:
            return {"key": key, "stage": "missing", "about": "", "inputs": []}
        inputs = [node(other) for other in found.inputs]
        return {"key": key, "stage": found.stage, "about": in_words(found.summary), "inputs": inputs}

    return node(artifact.key)


def tree_lines(node: Mapping[str, Any], indent: str = "") -> list[str]:
    """Returns a lineage as indented lines, the artifact first and the data last."""
    lines = ["  ".join(part for part in (f"{indent}{node['key'][:SHORT]}", node["stage"], node["about"]) if part)]
    for other in node["inputs"]:
        lines += tree_lines(other, indent + "  ")
    return lines


def brief(summary: Mapping[str, Any]) -> str:
    """Returns what tells artifacts of a stage apart, for a list: names, then counts and the score; else `in_words`.

    >>> brief({"run": "5aec", "method": "icl", "model": "x", "source": "human", "rows": 14, "macro_f1": 0.52494})
    'icl x human, 14 rows, F1 0.525'
    >>> brief({"rows": 140, "accepted": 60, "rejected": {"llm": 80}})
    '140 rows, 60 accepted'
    """
    names = " ".join(str(summary[name]) for name in _NAMES if isinstance(summary.get(name), str) and summary[name])
    counts = [
        _count(summary[name], name.removeprefix("num_")) for name in _COUNTS if isinstance(summary.get(name), int)
    ]
    score = summary.get("macro_f1")
    scores = [f"F1 {score:.3f}"] if isinstance(score, float) else []
    status = [str(summary["status"])] if summary.get("status") not in (None, "", "ok") else []
    return ", ".join(part for part in (names, *counts, *scores, *status) if part) or in_words(summary)


def _count(number: int, name: str) -> str:
    return counted(number, name.removesuffix("s")) if name.endswith("s") else f"{number} {name}"


def in_words(summary: Mapping[str, Any]) -> str:
    """Returns the plain entries of a summary as a short line; of a mapping or list only its length.

    >>> in_words({"rows": 20, "model": "x", "labels": {"a": 1, "b": 2}, "task": {"name": "topic"}})
    'rows 20, model x, 2 labels'
    """
    words = []
    for name, value in summary.items():
        if isinstance(value, Mapping | list | tuple):
            if name != "task" and value:
                words.append(f"{len(value)} {name}")
        elif value is not None and value != "":
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            words.append(f"{name} {shown}".replace("_", " "))
    return ", ".join(words[:_NUM_WORDS])
