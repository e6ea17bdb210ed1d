"""Where a store is: its file, the folder beside it that belongs to it alone, and the folders of older sdc versions.

`store.duckdb` has `store.duckdb.d/` with `blobs/` and `replies/` in it, found through links to the file. Older versions
kept `blobs/` and `replies/` beside the file, for all stores of that folder together: they are still read, never
written, and `sdc store gc` takes them over where no other store can need them.

Here: paths, and what a path may be. Not here: what stands in the folders (`blobs.py`, `replies.py`).
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sdc.cache import atomic
from sdc.errors import StoreError, UsageError


class StorePlace:
    """The paths of one store.

    Args:
        path: The file as it was named: `~` is expanded, links are followed.

    Attributes:
        file: The file itself, absolute.
        home: The folder that belongs to the store.
        exports: The folder in it with notes of exports that are being written.

    Raises:
        UsageError: The name means something else than a file, or DuckDB cannot have a file there.
    """

    def __init__(self, path: Path) -> None:
        name = str(path)
        if name.startswith(":memory:"):
            raise UsageError("a store in memory would keep nothing", "--store", "name a file")
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", name) and not Path(path.parts[0]).is_dir():
            raise UsageError(f"{name!r} is an address, and a store is a file of this machine", "--store", "name a file")
        try:
            self._named = path.expanduser().absolute()
            self.file = Path(os.path.realpath(self._named))
        except RuntimeError as error:
            fix = "set HOME, or write the path out"
            raise UsageError(f"the home folder in {name!r} is not known", "--store", fix) from error
        except (OSError, ValueError) as error:
            raise StoreError(f"cannot open the store ({error})", name[:200], "check the path") from error
        for sign in ("?", "\\"):  # DuckDB would write its log to another folder, or take it for a slash
            if sign in str(self.file):
                what = f"DuckDB cannot have a file under a path with {sign!r}"
                raise UsageError(what, str(self.file), "name another file with --store")
        self.home = self.file.with_name(self.file.name + ".d")
        self.exports = self.home / "exports"

    def make_home(self) -> None:
        """Makes the store's folder, and those above it that are missing: for nobody but their owner.

        Replies hold what people wrote; whoever is to read a store is let in by its owner, with chmod.
        """
        for folder in (*reversed(self.home.parents), self.home):
            with suppress(FileExistsError):
                folder.mkdir(mode=0o700)

    def before(self, part: str) -> list[Path]:
        """Returns the folders beside the file, and beside the link to it, where older versions kept `part`."""
        parents = dict.fromkeys((self.file.parent, self._named.parent))
        return [parent / part for parent in parents if (parent / part).is_dir()]

    def others(self, folder: Path) -> list[Path]:
        """Returns the other DuckDB files beside a folder `blobs` or `replies`, links too: it may be theirs as well."""
        return [path for path in _databases(folder.parent) if os.path.realpath(path) != str(self.file)]


def _databases(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if atomic.is_hidden(path):
            continue  # half a store, of a command that was killed
        with suppress(OSError):
            if path.is_file():
                with path.open("rb") as file:
                    if file.read(12)[8:] == b"DUCK":
                        yield path
