"""One store's file stays open between operations on it: to open it, write it and close it takes half of what they take.

It is closed before anybody could see it open: before this process opens, lists, copies, moves or removes the file or a
folder above it, opens another store, or asks for it in another thread; and before it starts another process, after
which this test holds none. Here: what is held, and when it is let go. Not here: tests of the store itself
(`tests/cache`), which hold nothing.
"""

import os
import sys
import threading
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sdc.cache import engine
from sdc.cache.file import StoreFile

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: Events of Python (`sys.audit`) after which another process may want the file.
_STARTS = {"subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.exec", "os.system"}
#: And of those that are about a path, or two, in this process.
_LOOKS = {
    "open", "os.scandir", "os.listdir", "os.walk", "os.rename", "os.remove", "os.link", "os.symlink", "os.chmod",
    "os.truncate", "os.utime", "os.rmdir", "shutil.copyfile", "shutil.copytree", "shutil.move", "shutil.rmtree",
}  # fmt: skip


class HeldStore:
    """The store that is held, of one test.

    Args:
        root: The folder of all tests; stores elsewhere are never held.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._con: DuckDBPyConnection | None = None
        self._path, self._write, self._in_use = "", False, False
        self._may = True  # hold one

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Has the product's stores held, until the test ends."""
        global _of_test
        connect, detach, wait_turn, start = StoreFile._connect, engine.detach, StoreFile.wait_turn, BaseProcess.start

        def connected(store: StoreFile, *, write: bool, beside: Path | None) -> "DuckDBPyConnection":
            if threading.current_thread() is not threading.main_thread():
                self.let_go(for_good=True)
            elif self._is_held(str(store.path), write) and beside is None:
                self._in_use = True
                assert self._con is not None
                return self._con
            self.let_go()
            con = connect(store, write=write, beside=beside)
            if self._may and self._con is None and beside is None and self._root in store.path.parents:
                self._con, self._path, self._write, self._in_use = con, str(store.path), write, True
            return con

        def detached(con: "DuckDBPyConnection", path: Path) -> None:
            if con is self._con:
                self._in_use = False
                if self._may:
                    return
                self._con = None
            detach(con, path)

        def waited(store: StoreFile, *args: Any, **how: Any) -> Any:
            self.let_go()
            return wait_turn(store, *args, **how)

        def started(process: BaseProcess) -> None:
            self.let_go(for_good=True)
            start(process)

        self._detach = detach
        monkeypatch.setattr(StoreFile, "_connect", connected)
        monkeypatch.setattr(engine, "detach", detached)
        monkeypatch.setattr(StoreFile, "wait_turn", waited)
        monkeypatch.setattr(BaseProcess, "start", started)
        _of_test = self

    def end(self) -> None:
        """Closes what is held; nobody reads the files of a test that has ended, so they need not be whole."""
        global _of_test
        _of_test = None
        if self._con is not None and not self._in_use and self._path.startswith(f"{self._root}/test_"):
            self._con.execute("pragma disable_checkpoint_on_shutdown")
            con = self._con
            self.let_go(for_good=True)
            with suppress(Exception):
                con.execute("pragma enable_checkpoint_on_shutdown")
        self.let_go(for_good=True)

    def let_go(self, *, for_good: bool = False) -> None:
        """Closes the file that is held, if none uses it."""
        if for_good:
            self._may = False
        if self._con is not None and not self._in_use:
            con, self._con = self._con, None
            self._detach(con, Path(self._path))

    def concerns(self, event: str, args: tuple[Any, ...]) -> bool:
        """Returns whether an event is about the file that is held, or a folder above it."""
        if self._con is None or self._in_use or event not in _LOOKS:
            return False
        for arg in args[:2]:
            if isinstance(arg, str | os.PathLike):
                path = os.path.abspath(os.fspath(arg))  # noqa: PTH100 (links stay what they are)
                if path in (self._path, f"{self._path}.wal") or self._path.startswith(f"{path}/"):
                    return True
        return False

    def _is_held(self, path: str, write: bool) -> bool:
        if self._con is not None and self._in_use:  # an operation that failed has closed it, or another one goes on
            import duckdb

            try:
                self._con.execute("select 1")
            except duckdb.Error:
                self._con, self._in_use = None, False
            return False
        return self._con is not None and path == self._path and (self._write or not write)


_of_test: HeldStore | None = None


def _heard(event: str, args: tuple[Any, ...]) -> None:
    if _of_test is None:
        return
    if event in _STARTS:
        _of_test.let_go(for_good=True)
    elif _of_test.concerns(event, args):
        _of_test.let_go()


sys.addaudithook(_heard)
