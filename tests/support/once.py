"""What many tests start from, made once for all workers of a test session: the first that needs it makes it.

Here: who makes it. Not here: what it is; each test copies it before it changes it.
"""

import fcntl
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

#: Of a test session; None outside of one.
FOLDER: Path | None = None


def folder(name: str, make: Callable[[Path], object]) -> Path:
    """Returns the folder that `make` fills, which nobody changes."""
    if FOLDER is None:
        raise RuntimeError("there is no test session")
    ready = FOLDER / name
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.is_dir():
            making = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=FOLDER))
            make(making)
            making.rename(ready)
    return ready


def store(name: str, make: Callable[[Path], object], path: Path) -> None:
    """Copies a store to `path` that `make` writes; outside of a test session `make` writes it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if FOLDER is None:
        make(path)
    else:
        made = folder(name, lambda new: make(new / "store.duckdb"))
        shutil.copy(made / "store.duckdb", path)
