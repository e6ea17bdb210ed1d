"""Commands of sdc in children that are forked from a process which has imported everything.

A campaign runs thousands of commands; starting Python and importing torch would be most of its time. Each child is a
process of its own, with its own session, streams, folder and limits, and can be killed as one. Here: how a command is
run. Not here: which ones, and what is asked of them (`kills.py`, `fuzz.py`).
"""

import json
import os
import resource
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import warm
from warm import NOT_BEGUN, load

__all__ = ["NOT_BEGUN", "Ended", "call", "load", "sdc", "summary"]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended.

    Args:
        code: Its exit code; minus the signal that ended it; None if it ran past its time and was killed for that.
        stdout: What it wrote there.
        stderr: What it wrote there.
        seconds: From the fork to the end.
        peak_mb: The most memory that it had, what it shares with its parent included.
    """

    code: int | None
    stdout: str
    stderr: str
    seconds: float
    peak_mb: float = 0.0


def sdc(
    *arguments: str,
    folder: Path,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout_s: float = 120,
    signal_after: tuple[int, float] | None = None,
    memory_bytes: int | None = None,
    cold: bool = False,
) -> Ended:
    """Runs one command.

    Args:
        arguments: Its words, without `sdc`.
        folder: Where it runs.
        env: What is added to the environment.
        stdin: What is piped in.
        timeout_s: It is killed after that.
        signal_after: A signal that it gets after so many seconds, where it still runs.
        memory_bytes: Its address space at most; None: no limit.
        cold: A Python of its own, imports and all, in place of a fork.
    """

    def command() -> NoReturn:
        if cold:
            os.execv(sys.executable, [sys.executable, "-m", "sdc", *arguments])
        warm.sdc(arguments)

    return _child(
        command, folder=folder, env=env or {}, stdin=stdin, timeout_s=timeout_s, signal_after=signal_after,
        memory_bytes=memory_bytes,
    )  # fmt: skip


def call(function: Callable[[], Any], *, timeout_s: float = 120) -> Any:
    """Returns what a function returns in a child, as JSON: it may start threads, this process must not.

    Raises:
        RuntimeError: It failed; its traceback is in the message.
    """

    def command() -> NoReturn:
        warm.ends(lambda: sys.stdout.write(json.dumps(function(), default=str)))

    ended = _child(command, folder=Path.cwd(), env={}, stdin=b"", timeout_s=timeout_s)
    if ended.code != 0:
        raise RuntimeError(f"the child ended with {ended.code}: {ended.stderr}")
    return json.loads(ended.stdout)


def _child(
    command: Callable[[], NoReturn],
    *,
    folder: Path,
    env: Mapping[str, str],
    stdin: bytes,
    timeout_s: float,
    signal_after: tuple[int, float] | None = None,
    memory_bytes: int | None = None,
) -> Ended:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        start = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                os.chdir(folder)
                os.environ.update(env)
                for number, file in enumerate((given, out, err)):
                    os.dup2(file.fileno(), number)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                if memory_bytes is not None:
                    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
                command()
            finally:
                os._exit(NOT_BEGUN)
        code, peak_mb = _wait(pid, start, timeout_s, signal_after)
        seconds = time.perf_counter() - start
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "backslashreplace"))
    return Ended(code=code, stdout=texts[0], stderr=texts[1], seconds=seconds, peak_mb=peak_mb)


def _wait(pid: int, start: float, timeout_s: float, signal_after: tuple[int, float] | None) -> tuple[int | None, float]:
    """Returns the exit code of a child, minus its signal, or None where it had to be killed; and its most memory."""
    handle = os.pidfd_open(pid)
    try:
        if signal_after is not None and not _ended(handle, start + signal_after[1]):
            _signal(pid, signal_after[0])
        late = not _ended(handle, start + timeout_s)
        if late:
            _signal(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
    finally:
        os.close(handle)
    return None if late else os.waitstatus_to_exitcode(status), usage.ru_maxrss / 1000


def _signal(pid: int, number: int) -> None:
    """Sends a signal to a child and what it started; to itself alone while it has no group of its own yet."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        os.kill(pid, number)


def _ended(handle: int, deadline: float) -> bool:
    ready, _, _ = select.select([handle], [], [], max(0.0, deadline - time.perf_counter()))
    return bool(ready)


def summary(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Returns a table in Markdown."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])
