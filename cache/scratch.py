"""Folders that live as long as a command, and what killed commands left of them.

A process holds the lock of its folder: of one that nobody holds, its process was killed. Folders for weights and the
like stand in the machine's temporary folder; an export is written beside the folder that it becomes, and a note in the
store says where. Here: making, finding. Not here: removing (`upkeep.py`), what is written into them.
"""

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sdc.cache import atomic

#: Ends the names of temporary folders: what a person calls `sdc-...` there is no leftover of ours.
_SUFFIX = ".scratch"
_NAME = re.compile(rf"sdc-[a-z]+-[0-9a-z_]+{re.escape(_SUFFIX)}")


@contextmanager
def folder(what: str) -> Iterator[Path]:
    """Gives an empty folder in the machine's temporary folder, `sdc-WHAT-....scratch`, that is gone afterwards."""
    made = tempfile.TemporaryDirectory(prefix=f"sdc-{what}-", suffix=_SUFFIX, ignore_cleanup_errors=True)
    with made as name, _held(Path(name)):
        yield Path(name)


@contextmanager
def beside(place: Path, notes: Path | None) -> Iterator[Path]:
    """Gives an empty folder beside the path `place`, for renaming; it is gone afterwards if it was not renamed.

    Args:
        place: What it is to become.
        notes: The folder of a store in which a note says that it is being written; None writes none.

    Raises:
        OSError: It cannot be made.
    """
    token = secrets.token_hex(8)
    made = atomic.hidden(place, token)
    note = None if notes is None else notes / token
    if note is not None:
        try:
            note.parent.mkdir(mode=0o700, exist_ok=True)
            note.write_text(str(made), "utf-8")
        except OSError:  # a store that cannot be written, or none: then nothing will find what a kill leaves
            note = None
    try:
        made.mkdir()
        with _held(made):
            yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        if note is not None:
            with suppress(OSError):
                note.unlink()


def left_beside(place: Path) -> list[Path]:
    """Returns what killed processes left of folders that were to become `place`."""
    start = atomic.start(place)
    found = (path for path in place.parent.iterdir() if path.name.startswith(start))
    return [
        path
        for path in found
        if re.fullmatch(r"[0-9a-f]{16}\.(tmp|old)", path.name.removeprefix(start)) and _is_left(path)
    ]


def left(notes: Path) -> list[Path]:
    """Returns what killed processes of this user left: temporary folders, exports named by `notes`, and those notes."""
    found = []
    with suppress(OSError):
        found += [
            path for path in Path(tempfile.gettempdir()).iterdir() if _NAME.fullmatch(path.name) and _is_left(path)
        ]
    for note in sorted(notes.glob("*")) if notes.is_dir() else []:
        with suppress(OSError, ValueError):
            path = Path(note.read_text("utf-8"))
            # A note is data: only what bears its name may be removed.
            if not path.name.endswith(f".{note.name}.tmp") or len(note.name) < 16 or not path.is_absolute():
                continue
            if _is_left(path):
                found += [path, note]
            elif not os.path.lexists(path):
                found.append(note)
    return found


@contextmanager
def _held(path: Path) -> Iterator[None]:
    lock = None
    with suppress(ImportError, OSError):  # no such locks here: then nobody will take it for left
        import fcntl

        lock = os.open(path, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def _is_left(path: Path) -> bool:
    """Returns whether `path` is a folder of this user that no process holds."""
    with suppress(ImportError, OSError):
        import fcntl

        if path.is_symlink() or not path.is_dir() or path.stat().st_uid != os.getuid():
            return False
        lock = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(lock)
        return True
    return False
