"""What a command left: all rows of a store, all files, the calls that were asked; and how two of these differ.

Here: reading and comparing, times left out. Not here: running and killing commands (`kills.py`).
"""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import forked
from forked import Ended

from sdc.cache.migrations import ROW_TABLES
from sdc.cache.store import Store

STORE = "store/store.duckdb"
#: What takes another time in each run, or says when it was.
_TIMES = {
    "created_at", "used_at", "decided_at", "seconds", "energy_kwh", "wall_s", "fit_s", "fit_seconds",
    "seconds_per_epoch",
}  # fmt: skip
#: What says that there were earlier attempts, and what an engine that began again had in its prefix cache.
_ATTEMPTS = {"earlier", "cached_tokens"}


def read(place: Path, *, out: str) -> dict[str, Any]:
    """Returns all that a command left beside stdout, after a `store verify` and a `store gc`.

    Args:
        place: The folder that it ran in.
        out: The file or folder that it wrote beside the store; empty for none.

    Returns:
        JSON: rows without times and order, names of files, digests of what it wrote, calls that were asked.
    """
    verified = forked.sdc("store", "verify", folder=place, env={"SDC_STORE": STORE})
    removed = forked.sdc("store", "gc", "--older-than", "0", folder=place, env={"SDC_STORE": STORE})
    asked = (place / "journal.txt").read_text().splitlines() if (place / "journal.txt").exists() else []
    store = place / STORE
    files = [str(path.relative_to(place)) for path in sorted(place.rglob("*")) if path.is_file()]
    return {
        "verify": [verified.code, verified.stderr if verified.code else ""],
        "gc": [removed.code, removed.stderr if removed.code else ""],
        "rows": forked.call(lambda: _rows(store)),
        "files": sorted(_named(place, name) for name in files if "replies/" not in name and name != "journal.txt"),
        "written": _written(place / out) if out else {},
        "asked": sorted(set(asked)),
        "asked twice": sorted(call for call, times in Counter(asked).items() if times > 1),
    }


def _rows(store: Path) -> dict[str, list[str]]:
    opened = Store(store)
    found = {}
    for table in (*ROW_TABLES, "made_from", "artifacts"):
        columns = "* exclude (no)" if table == "runs" else "*"  # in which order runs were kept
        rows = opened.query(f"select to_json(t)::varchar from (select {columns} from {table}) t")
        found[str(table)] = sorted(json.dumps(_timeless(json.loads(row)), sort_keys=True) for (row,) in rows)
    return found


def _named(place: Path, name: str) -> str:
    """Returns the name of a file; of a blob its size, for its digest stands in the rows."""
    return f"a blob of {(place / name).stat().st_size} bytes" if "blobs/" in name else name


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("name") == "linear.safetensors":  # its last bits depend on where in memory a process has its rows
            value = {**value, "digest": None}
        return {name: _timeless(item) for name, item in value.items() if name not in _TIMES | _ATTEMPTS}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def _written(path: Path) -> dict[str, str]:
    """Returns the digest of every file of a folder, or of the one file."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path.parent)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def differences(expected_end: Ended, expected_state: dict[str, Any], ended: Ended, state: dict[str, Any]) -> list[str]:
    """Returns what of a command differs from an undisturbed one."""
    faults = []
    if ended.stdout != expected_end.stdout:
        faults.append(f"stdout is {ended.stdout[-300:]!r}, not {expected_end.stdout[-300:]!r}")
    for name, expected in expected_state.items():
        if name == "rows":
            tables = [table for table in expected if expected[table] != state["rows"].get(table)]
            faults += [f"{table}: {_difference(expected[table], state['rows'].get(table, []))}" for table in tables]
        elif name == "asked":
            faults += ["it asked something else"] if not set(state[name]) <= set(expected) else []
        elif state[name] != expected:
            faults.append(f"{name}: {_difference(expected, state[name])}")
    return faults


def _difference(expected: Any, found: Any) -> str:
    if not isinstance(expected, list) or not isinstance(found, list):
        return f"{str(found)[:600]}, not {str(expected)[:600]}"
    lost = [item for item in expected if item not in found]
    new = [item for item in found if item not in expected]
    counts = f"{len(lost)} lost, {len(new)} new"
    if not lost or not new:
        return f"{counts}: {str((lost or new)[0])[:600]}"
    # Those that are most alike are the same row, and what differs in them is the news.
    near = min(new, key=lambda item: sum(a != b for a, b in zip(str(item), str(lost[0]), strict=False)))
    try:
        leaves = _leaves(json.loads(lost[0])), _leaves(json.loads(near))
    except (TypeError, ValueError):
        return f"{counts}: {near!s:.600}, not {lost[0]!s:.600}"
    names = [name for name in {**leaves[0], **leaves[1]} if leaves[0].get(name) != leaves[1].get(name)]
    shown = ", ".join(f"{name} is {leaves[1].get(name)}, not {leaves[0].get(name)}" for name in names[:6])
    return f"{counts}: {shown}"


def _leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Returns what stands in nested JSON, by the path to it."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {name: leaf for key, item in items for name, leaf in _leaves(item, f"{path}.{key}").items()}
    return {path: value}
