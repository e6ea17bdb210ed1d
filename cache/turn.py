"""Whose turn it is with a store's file: DuckDB lets one process have it at a time, and knows no queue.

Here: waiting fairly. Those who wait try for the lock of a folder; who has that is next, and alone looks whether the
file is free, which costs microseconds where opening it in vain costs milliseconds. Not here: opening it (`file.py`).

Our own although filelock locks files: the lock on the store is DuckDB's, which no other can stand for, and filelock
knows neither who has one nor whose turn is next.
"""

import os
import random
import re
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")
#: Sleep between two looks, in seconds: of the one who is next, and of the others; times a random number around 1.
_NEXT_S, _OTHERS_S = 0.002, 0.02
#: C's `struct flock` on Linux: type, whence, start, length, process.
_FLOCK = "hhqqi0q"


class Waited(Exception):
    """The file was not free in time.

    Attributes:
        holder: Who had it when it was looked at last, as `process 7`.
    """

    def __init__(self, pid: int | None) -> None:
        super().__init__(pid)
        self.holder = f"process {pid}" if pid else "another process"


class Turn:
    """A place in the queue for a file.

    Args:
        path: The file.
        queue: A folder that is there for all who want the file; its lock is held by who is next. None, or a folder
            that cannot be locked (some network file systems), is no queue: then luck decides.
        write: Whether it is wanted for writing: readers can have it together.
        timeout_s: How long to wait, in seconds.
    """

    def __init__(self, path: Path, queue: Path | None, *, write: bool, timeout_s: float) -> None:
        self._path, self._write, self._timeout_s = path, write, timeout_s
        self._fd: int | None = None
        self._is_next = False
        if queue is not None:
            with suppress(OSError):
                self._fd = os.open(queue, os.O_RDONLY)

    def take(self, attempt: Callable[[], _T], *, locked: Callable[[Exception], bool]) -> _T:
        """Returns what `attempt` returns, trying again while it raises what `locked` says is another process's lock.

        Raises:
            Waited: It was still locked at the end.
        """
        start = time.monotonic()
        holder: int | None = None
        try:
            while True:
                waited_s = time.monotonic() - start
                # Who is next may have been stopped (Ctrl-Z): after half of the time its place counts no more.
                if self._next() or waited_s > self._timeout_s / 2:
                    found = holder_of(self._path, write=self._write)
                    holder = found or holder
                    if found is None:
                        try:
                            return attempt()
                        except Exception as error:
                            if not locked(error):
                                raise
                            named = re.search(r"PID (\d+)", str(error))
                            holder = int(named.group(1)) if named else holder
                if waited_s > self._timeout_s:
                    raise Waited(holder)
                # The longer one waited, the oftener one looks.
                time.sleep(random.uniform(0.5, 1.5) * (_NEXT_S if self._is_next else _OTHERS_S / (1 + waited_s)))
        finally:
            self._leave()

    def _next(self) -> bool:
        if self._fd is None or self._is_next:
            return True
        import fcntl

        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without such locks
            self._leave()
            return True
        self._is_next = True
        return True

    def _leave(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def holder_of(path: Path, *, write: bool = True) -> int | None:
    """Returns the process that has locked a file, 0 for one that has no number here, None where nobody seems to.

    Args:
        path: The file.
        write: Ask for whoever keeps one from writing; else from reading.
    """
    if sys.platform != "linux":
        return None
    import fcntl

    try:
        kind = fcntl.F_WRLCK if write else fcntl.F_RDLCK
        with open(path, "rb", opener=_opened_at_once) as file:
            asked = struct.pack(_FLOCK, kind, os.SEEK_SET, 0, 0, 0)
            held, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    except OSError:
        return None
    return None if held == fcntl.F_UNLCK else max(pid, 0)


def _opened_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe in the place of a store would wait for somebody to write
