"""Files and folders that get their name when they are whole: made beside it under another name, and renamed.

A killed command leaves what it had begun, under a name that tells whose it is and that it is nothing yet: `sdc store
gc` removes it. Here: these names, and the rename. Not here: folders, whose owner is looked up by a lock (`scratch.py`).
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_END = ".tmp"
#: Names of more bytes are cut: most file systems have 255 at most, and of a folder's name ours has 22 more.
_MOST_BYTES, _KEPT_CHARS = 233, 40


@contextmanager
def beside(place: Path) -> Iterator[Path]:
    """Gives an unused path `.NAME.....tmp` beside `place`; what is still there at the end is removed.

    Args:
        place: The file that it is to become.
    """
    temporary = hidden(place, secrets.token_hex(4))
    try:
        yield temporary
    finally:
        with suppress(OSError):  # mostly it has been renamed
            temporary.unlink(missing_ok=True)


def put(temporary: Path, place: Path) -> None:
    """Renames a file that is whole, when it is on the disk: after a power cut there is the old one or the new one.

    Raises:
        OSError: The disk is full, or `place` cannot be written.
    """
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(place)


def hidden(place: Path, token: str) -> Path:
    """Returns the path beside `place` for what is to become it.

    >>> hidden(Path("out/model"), "0f").name
    '.model.0f.tmp'
    """
    return place.with_name(f"{start(place)}{token}{_END}")


def start(place: Path) -> str:
    """Returns how names of what is to become `place` begin."""
    name = place.name
    return f".{name[:_KEPT_CHARS] if len(os.fsencode(name)) > _MOST_BYTES else name}."


def is_hidden(path: Path) -> bool:
    """Returns whether a path has such a name, whatever it is to become."""
    return path.name.startswith(".") and path.name.endswith(_END)


def left(place: Path) -> list[Path]:
    """Returns the files that are to become `place`, and what DuckDB put beside them; they may be in use."""
    found = (path for path in place.parent.iterdir() if path.name.startswith(start(place)) and _END in path.name)
    return [path for path in found if path.is_file()]
