"""Blobs: files named by the sha256 of their bytes, below `blobs/ab/cdef...`. Weights are the only users.

Here: put, get, verify. Not here: which artifact owns a blob (table `blobs`).
"""

import os
import shutil
from pathlib import Path
from typing import Any

from sdc.cache import inside
from sdc.cache.key import file_digest
from sdc.errors import StoreError


class Blobs:
    """A folder of files named by their digest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, digest: str) -> Path:
        """Returns where the blob `digest` stands, or would stand.

        Raises:
            StoreError: It is no digest, and would be another path.
        """
        if not inside.is_digest(digest):
            raise StoreError(f"{digest[:80]!r} is no digest of a file", str(self._folder), "see `sdc store verify`")
        return self._folder / digest[:2] / digest[2:]

    def put(self, source: Path) -> str:
        """Copies a file in and returns its digest: temporary file, fsync, rename, so that no half blob has a name."""
        try:
            digest = file_digest(source)
            size = source.stat().st_size
        except OSError as error:
            raise StoreError(f"cannot read it ({error.strerror})", str(source), "check the file") from error
        target = self.path(digest)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            if self.fault(digest, size) is None:
                os.utime(target)  # wanted again: `gc` leaves alone what is young, as its artifact may be on its way
                return digest
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(target)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise StoreError(f"cannot keep a blob ({error.strerror})", str(target), "free some space") from error
        return digest

    def put_folder(self, folder: Path) -> list[dict[str, Any]]:
        """Copies the files below a folder in and returns them as rows of the table `blobs`: name, digest, bytes."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return [
            {"name": path.relative_to(folder).as_posix(), "digest": self.put(path), "bytes": path.stat().st_size}
            for path in files
        ]

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
        """Returns digest -> bytes of every finished blob on disk."""
        return {
            path.parent.name + path.name: path.stat().st_size
            for path in self._folder.glob("??/*")
            if not path.name.startswith(".")
        }

    def remove(self, digest: str) -> None:
        """Removes a blob, if it is there."""
        self.path(digest).unlink(missing_ok=True)

    def temporary(self) -> list[Path]:
        """Returns what a killed process left half-written."""
        return list(self._folder.glob("??/.*.tmp"))
