"""Signals that end an element cleanly: what is finished is kept, as with Ctrl-C.

Here: which signals these are. Not here: who sends them (`script.py`), what is kept (`driver.py`).
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

#: SLURM sends TERM before it kills; a process that a shell started with `&` ignores INT unless it says otherwise.
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


@contextmanager
def by_signals() -> Iterator[None]:
    """Makes the first of these signals a KeyboardInterrupt; those after it are ignored, for it is ending."""

    def stop(number: int, frame: object) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {each: signal.signal(each, stop) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
