"""A program on a terminal of its own, as a person sees it: what it draws, the keys that are pressed.

Here: the terminal. Not here: what is looked for on it.
"""

import os
import pty
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

CTRL_C = b"\x03"


class Terminal:
    """A running program and all that it has drawn so far."""

    def __init__(self, process: "subprocess.Popen[bytes]", device: int) -> None:
        self.process, self._device = process, device
        self._drawn = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def drawn(self) -> str:
        """What was written to it, control sequences among it."""
        return bytes(self._drawn).decode("utf-8", errors="replace")

    def press(self, keys: bytes) -> None:
        """Types something."""
        os.write(self._device, keys)

    def ended(self, *, within_s: float = 60) -> int:
        """Returns the exit code, when the program has ended and all that it wrote is here."""
        code = self.process.wait(timeout=within_s)
        self._reader.join(timeout=within_s)
        return code

    def _read(self) -> None:
        with suppress(OSError):  # nobody has the other end any more
            while some := os.read(self._device, 65536):
                self._drawn += some


@contextmanager
def terminal(words: Sequence[str], *, folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Terminal]:
    """Gives a program that is started on a terminal of 100 columns, and ends it if it still runs."""
    device, there = pty.openpty()
    shown_on = {"TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
    process = subprocess.Popen(  # a session of its own has Ctrl-C from its terminal
        ["setsid", "--ctty", *words], stdin=there, stdout=there, stderr=there, cwd=folder,
        env={**os.environ, **shown_on, **(env or {})},
    )  # fmt: skip
    os.close(there)
    found = Terminal(process, device)
    try:
        yield found
    finally:
        process.kill()
        found.ended()
        os.close(device)
