"""A process that has imported everything and forks into programs: starting Python and importing torch takes seconds.

`programs` gives a folder with `sdc` and `python`, which a test calls as the real ones, from a shell, too; behind them
is one server for all workers of a test session. A fork has the arguments, folder, environment and streams of whoever
called, ends as the program would, gets the signals INT, TERM and HUP, and is killed with who called it. What no fork
has, a test has to start for itself: a terminal that sends Ctrl-C, a locale of its own, variables that libraries read as
they are imported, and an order of sets of its own.

Here: what is imported, how a fork becomes a program, the server. Not here: what asks it (`warm_client.py`).
"""

import fcntl
import gc
import json
import os
import runpy
import selectors
import shlex
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

_IMPORTS = (
    "numpy", "torch", "transformers", "safetensors.torch", "peft", "sklearn.linear_model",
    "sklearn.feature_extraction.text", "duckdb", "pyarrow", "pyarrow.parquet", "diskcache", "py3langid", "langcodes",
    "transformers.models.auto.modeling_auto", "transformers.models.auto.tokenization_auto",
    "transformers.models.llama.modeling_llama", "transformers.models.llama.configuration_llama",
)  # fmt: skip
#: In the environment that has it, ten seconds more.
_VLLM = (
    "vllm.engine.arg_utils",
    "vllm.v1.engine.llm_engine",
    "vllm.v1.worker.gpu_worker",
    "vllm.model_executor.models.llama",
)

#: How a fork ends whose signal came before its program began.
NOT_BEGUN = 99
_MOST_BYTES = 1 << 20


def load() -> None:
    """Imports what commands import, without opening a store or loading a model: those may start threads."""
    # One thread: a fork copies only the thread that calls it, and sums come out the same each time.
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    from sdc.cli.main import application

    application()
    for name in _IMPORTS:
        import_module(name)
    if find_spec("vllm"):
        from sdc.pipelines.engines.vllm import load as vllm

        vllm.quiet()
        for name in _VLLM:
            import_module(name)


def sdc(arguments: Sequence[str]) -> NoReturn:
    """Becomes `sdc ARGUMENTS`; for forks only."""
    sys.argv = ["sdc", *arguments]
    from sdc.__main__ import main

    ends(main)


def ends(program: Callable[[], object]) -> NoReturn:
    """Runs a program and ends this fork as Python would, but without what its parent would do at its end."""
    code: int | str | None = 0
    try:
        program()
    except SystemExit as ended:
        code = ended.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException as error:  # noqa: BLE001 (what Python does with it at its end)
        traceback.print_exc()
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        code = 1
    number = code if isinstance(code, int) else int(code is not None)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            number = number or 120  # as Python
    os._exit(number)


# -- for a test session --------------------------------------------------------------------------------------------


def programs(folder: Path, *, owner: int) -> Path:
    """Returns a folder with `sdc` and `python`; the first to ask starts the server.

    Args:
        folder: Of this test session, for all of its workers.
        owner: The process whose end is the server's.
    """
    import waiting

    place = folder / "warm"
    place.mkdir(exist_ok=True)
    if not hasattr(os, "pidfd_open"):  # no Linux: the real ones
        for name in ("sdc", "python"):
            with suppress(FileExistsError):
                (place / name).symlink_to(Path(sys.executable).with_name(name))
        return place
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "socket").exists():
            for name in ("sdc", "python"):
                words = (sys.executable, "-IS", Path(__file__).with_name("warm_client.py"), place / "socket", name)
                command = " ".join(shlex.quote(str(word)) for word in words)
                (place / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n', "utf-8")
                (place / name).chmod(0o755)
            server = [sys.executable, __file__, str(place / "socket"), str(owner)]
            environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
            streams = [
                (os.POSIX_SPAWN_OPEN, number, path, os.O_RDWR | os.O_CREAT, 0o600)
                for number, path in enumerate((os.devnull, os.devnull, place / "log"))
            ]
            os.posix_spawn(sys.executable, server, environment, setsid=True, file_actions=streams)
            waiting.until((place / "socket").exists, shown=(place / "log").read_text)
    return place


# -- the server ----------------------------------------------------------------------------------------------------


class _Server:
    """Forks a program for everyone who connects, until its owner ends."""

    def __init__(self, listener: socket.socket, owner: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._listener = listener
        self._selector.register(listener, selectors.EVENT_READ, self._begin)
        self._selector.register(os.pidfd_open(owner), selectors.EVENT_READ, sys.exit)

    def serve(self) -> NoReturn:
        while True:
            (key, _), *_ = self._selector.select()  # the others come again, unless this one ends them
            key.data()

    def _begin(self) -> None:
        caller, _ = self._listener.accept()
        message, streams, _, _ = socket.recv_fds(caller, _MOST_BYTES, 3)
        if not message:  # it was killed before it asked
            caller.close()
            return
        asked = json.loads(message)
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                for key in list(self._selector.get_map().values()):
                    os.close(key.fd)
                caller.close()
                _become(asked, dict(zip(asked["streams"], streams, strict=True)))
            finally:
                os._exit(NOT_BEGUN)
        for stream in streams:
            os.close(stream)
        ended = os.pidfd_open(pid)
        self._selector.register(caller, selectors.EVENT_READ, lambda: self._pass_on(caller, pid))
        self._selector.register(ended, selectors.EVENT_READ, lambda: self._end(caller, pid, ended))

    def _pass_on(self, caller: socket.socket, pid: int) -> None:
        """Sends a fork the signals that its caller got; one whose caller is gone was killed, too."""
        try:
            numbers = caller.recv(1)
        except ConnectionError:
            numbers = b""
        if not numbers:
            self._selector.unregister(caller)
        os.kill(pid, numbers[0] if numbers else signal.SIGKILL)

    def _end(self, caller: socket.socket, pid: int, ended: int) -> None:
        _, status = os.waitpid(pid, 0)
        with suppress(OSError):  # its caller is gone
            caller.send(str(os.waitstatus_to_exitcode(status)).encode())
        with suppress(KeyError):
            self._selector.unregister(caller)
        self._selector.unregister(ended)
        os.close(ended)
        caller.close()


def _become(asked: Mapping[str, Any], streams: Mapping[int, int]) -> NoReturn:
    """Becomes the program that was asked for, with the streams of who asks."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = None
        if number in streams:
            os.dup2(streams[number], number)
            how: dict[str, Any] = {"errors": "backslashreplace", "buffering": 1} if number == 2 else {}
            stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False, **how)  # noqa: SIM115 (until it ends)
        else:
            os.close(number)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    for each in streams.values():
        os.close(each)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    signal.signal(signal.SIGINT, signal.SIG_IGN if asked["deaf"] else signal.default_int_handler)
    program, *arguments = asked["words"]
    if program == "sdc":
        sdc(arguments)
    sys.argv = list(arguments)  # python FILE ARGUMENTS
    sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
    ends(lambda: runpy.run_path(arguments[0], run_name="__main__"))


def _serve(place: str, owner: int) -> NoReturn:
    load()
    gc.collect()
    gc.freeze()  # else a fork's first collection would copy all of it
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(f"{place}.new")
        listener.listen(128)
        Path(f"{place}.new").rename(place)  # there is one, and it answers
        _Server(listener, owner).serve()


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
