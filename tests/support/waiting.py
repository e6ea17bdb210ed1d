"""Waiting for what another process does: until it is so, and not for a time that is long enough on some machine.

Here: the one loop, and what can be seen of a process from outside. Not here: what a process is sent then.
"""

import fcntl
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sdc.cache.store import Store


def until(
    condition: Callable[[], object],
    process: "subprocess.Popen[Any] | None" = None,
    *,
    within_s: float = 120,
    every_s: float = 0.02,
    shown: Callable[[], object] = lambda: "",
) -> None:
    """Returns as soon as a condition holds.

    Args:
        condition: Looked at again and again.
        process: Who is to bring it about; fails at once if it has ended without that.
        within_s: Fails after so many seconds: only what hangs takes so long.
        every_s: Sleep between two looks, in seconds; 0 for what lasts only a moment.
        shown: What to say where it fails.
    """
    end = time.monotonic() + within_s
    while not condition():
        if process is not None and process.poll() is not None and not condition():
            raise AssertionError(f"the process has ended: {process.communicate()} {shown()}")
        assert time.monotonic() < end, f"waited {within_s:g} s in vain {shown()}"
        time.sleep(every_s)


def one_waits_for(store: Store) -> bool:
    """Returns whether anybody waits for a store that another process has: the first in the queue locks its folder."""
    folder = os.open(store.place.home if store.place.home.is_dir() else store.path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(folder)
    return False


def cpu_s(process: "subprocess.Popen[Any]") -> float:
    """Returns the seconds that a process has computed, on all cores together."""
    fields = Path(f"/proc/{process.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def of_session(number: int) -> str:
    """Returns the command lines of the processes of a session, one a line; nothing where all have ended."""
    found = subprocess.run(["ps", "-s", str(number), "-o", "args="], capture_output=True, text=True, check=False)
    return found.stdout.strip()
