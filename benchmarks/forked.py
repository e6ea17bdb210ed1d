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
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

_IMPORTS = (
    "numpy", "torch", "transformers", "safetensors.torch", "peft", "sklearn.linear_model",
    "sklearn.feature_extraction.text", "duckdb", "pyarrow", "pyarrow.parquet", "diskcache", "py3langid", "langcodes",
    "transformers.models.auto.modeling_auto", "transformers.models.auto.tokenization_auto",
    "transformers.models.llama.modeling_llama", "transformers.models.llama.configuration_llama",
)  # fmt: skip

#: How a child ends whose signal came before its command began.
NOT_BEGUN = 99


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


def warm() -> None:
    """Imports what commands import, without opening a store or loading a model: those may start threads."""
    # One thread: a fork copies only the thread that calls it, and sums come out the same each time.
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    from sdc.cli.main import application

    application()
    for name in _IMPORTS:
        import_module(name)


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
        sys.argv = ["sdc", *arguments]
        from sdc.__main__ import main

        try:
            main()
        except SystemExit as ended:
            _leave(ended.code if isinstance(ended.code, int) else int(ended.code is not None))
        except BaseException:  # noqa: BLE001 (what Python does with it at its end)
            traceback.print_exc()
            _leave(1)
        _leave(0)

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
        try:
            sys.stdout.write(json.dumps(function(), default=str))
        except BaseException:  # noqa: BLE001 (it is told through the pipe)
            traceback.print_exc()
            _leave(1)
        _leave(0)

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


def _leave(code: int) -> NoReturn:
    """Ends a child with what it has written, and without what its parent would do at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 120  # as Python
    os._exit(code)


def summary(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Returns a table in Markdown."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])
