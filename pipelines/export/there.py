"""Whether an export is there already: whole, unchanged, and what would be written now.

A command that was killed after its folder got its name had done all there is to do; repeated, it finds this.

Here: the digests of an exported folder, and the comparison. Not here: writing (`folder.py`), what files hold.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sdc.cache.key import file_digest
from sdc.pipelines.predict import exported

#: In `sdc.json`: name -> sha256 of every other file of the folder.
FILES = "files"
MEASURED = "onnx/measured.json"


def digests(folder: Path) -> dict[str, str]:
    """Returns the sha256 of every file of an export by its name, but for `sdc.json` that holds them."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / exported.FILE)
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in paths}


def about(out: Path) -> dict[str, Any]:
    """Returns what `sdc.json` of a folder says; an empty one where it says nothing."""
    found = _read(out / exported.FILE)
    return found if isinstance(found, dict) else {}


def measured(out: Path) -> list[Mapping[str, Any]]:
    """Returns how good the ONNX forms in a folder were found to be; none where it has none."""
    return _read(out / MEASURED) or []


def differs(out: Path, expected: Mapping[str, Any], texts: Callable[[], Mapping[str, str]]) -> str | None:
    """Returns in what an export of the same run is another than the one that is wanted, or None.

    Args:
        out: The folder.
        expected: What its `sdc.json` has to say, without the digests.
        texts: Gives what else must stand in it, by name of the file; called only if no file was changed.
    """
    found = about(out)
    files = found.pop(FILES, None)
    plain = json.loads(json.dumps(expected))
    other = sorted(name for name in {*found, *plain} if found.get(name) != plain.get(name))
    if other or not isinstance(files, dict):
        return f"with another {', '.join(other) or FILES} in {exported.FILE}"
    try:
        there = digests(out)
        changed = [name for name in sorted({*files, *there}) if files.get(name) != there.get(name)]
        if changed:
            return f"of which {changed[0]} was changed since"
        older = [name for name, text in texts().items() if (out / name).read_text("utf-8") != text]
    except (OSError, ValueError) as error:
        return f"of which a file cannot be read ({error})"
    return f"whose {older[0]} would say something else today" if older else None


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
