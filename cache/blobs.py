"""Blobs: files named by the sha256 of their bytes, below `blobs/ab/cdef...`. Weights are the only users.

Here: put, get, verify. Not here: which artifact owns a blob (table `blobs`).
"""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sdc.cache import atomic, inside
from sdc.cache.key import file_digest
from sdc.errors import StoreError


class Blobs:
    """A folder of files named by their digest.

    Args:
        folder: Where they are.
        before: Folders of older sdc versions, which other stores may share: read, and never written.
    """

    def __init__(self, folder: Path, *, before: Sequence[Path] = ()) -> None:
        self._folder, self._before = folder, tuple(before)

    def path(self, digest: str) -> Path:
        """Returns where the blob `digest` stands, or would stand.

        Raises:
            StoreError: It is no digest, and would be another path.
        """
        if not inside.is_digest(digest):
            raise StoreError(f"{digest[:80]!r} is no digest of a file", str(self._folder), "see `sdc store verify`")
        for folder in (self._folder, *self._before):
            path = folder / digest[:2] / digest[2:]
            if path.is_file():
                return path
        return self._own(digest)

    def _own(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest[2:]

    def put(self, source: Path) -> str:
        """Copies a file in and returns its digest; no half blob has a name."""
        try:
            digest = file_digest(source)
            size = source.stat().st_size
        except OSError as error:
            raise StoreError(f"cannot read it ({error.strerror})", str(source), "check the file") from error
        target = self._own(digest)
        try:
            if target.exists() and self.fault(digest, size) is None:
                os.utime(target)  # wanted again: `gc` leaves alone what is young, as its artifact may be on its way
                return digest
            for folder in (*reversed(target.parent.parents), target.parent):
                folder.mkdir(mode=0o700, exist_ok=True)
            with atomic.beside(target) as temporary:
                shutil.copyfile(source, temporary)
                temporary.chmod(target.parent.stat().st_mode & 0o666)  # whoever may enter the folder
                atomic.put(temporary, target)
        except OSError as error:
            raise StoreError(f"cannot keep a blob ({error.strerror})", str(target), "free some space") from error
        return digest

    def put_folder(self, folder: Path) -> list[dict[str, Any]]:
        """Copies the files below a folder in and returns them as rows of the table `blobs`: name, digest, bytes."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return [
            {"name": path.relative_to(folder).as_posix(), "digest": self.put(path), "bytes": path.stat().st_size}
            for path in files
        ]

    def has(self, digest: str, size: int) -> bool:
        """Returns whether a blob of that size is there; what is in it is not read."""
        try:
            return self.path(digest).stat().st_size == size
        except (OSError, StoreError):
            return False

    def fault(self, digest: str, size: int) -> str | None:
        """Returns what is wrong with a blob (`missing`, `truncated`, `changed`, `no digest`), or None."""
        if not inside.is_digest(digest):
            return "no digest"
        path = self.path(digest)
        if not path.is_file():
            return "missing"
        if path.stat().st_size != size:
            return "truncated"
        return None if file_digest(path) == digest else "changed"

    def all(self) -> dict[str, int]:
        """Returns digest -> bytes of every finished blob in the store's own folder, without what else lies there."""
        found = ((path.parent.name + path.name, path) for path in self._folder.glob("??/*"))
        return {digest: path.stat().st_size for digest, path in found if inside.is_digest(digest) and path.is_file()}

    def take_over(self, folder: Path, *, old: float) -> int:
        """Moves the blobs last touched before the moment `old` out of a folder of an older sdc; returns how many."""
        count = 0
        for path in folder.glob("??/*"):
            digest = path.parent.name + path.name
            if inside.is_digest(digest) and path.is_file() and path.stat().st_mtime <= old:
                self.put(path)
                path.unlink()
                count += 1
        for emptied in (*folder.glob("??"), folder):
            with suppress(OSError):  # not empty
                emptied.rmdir()
        return count

    def remove(self, digest: str) -> None:
        """Removes a blob of the store's own folder, if it is there."""
        self._own(digest).unlink(missing_ok=True)

    def temporary(self) -> list[Path]:
        """Returns what a killed process left half-written."""
        return [path for path in self._folder.glob("??/.*") if atomic.is_hidden(path) and path.is_file()]
