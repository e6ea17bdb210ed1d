"""How many cores a process may use, and how many of them nobody else uses now.

Threads that wait for each other for a core do so at full speed: with two of them on crowded cores a fit took four times
as long as with one. Here: what the machine, a container and SLURM allow, and what others leave; it is asked as the
program starts, so nothing is imported for it. Not here: models so small that one thread is best in any case
(`engines/threads.py`).
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_CGROUP, _LOAD = Path("/sys/fs/cgroup"), Path("/proc/loadavg")
#: What torch, BLAS and others with threads of OpenMP read as they are loaded.
VARIABLE = "OMP_NUM_THREADS"

_said = ""


def settle() -> None:
    """Has everything that is loaded from now on compute with as many threads as there are free cores.

    Who has set the variable is left alone.
    """
    global _said
    if os.environ.get(VARIABLE):
        _said = f"threads: {os.environ[VARIABLE]}, as {VARIABLE} says"
        return
    cores, busy = usable(), load()
    threads = free(cores, busy=busy, machine=os.cpu_count() or 1)
    os.environ[VARIABLE] = str(threads)
    _said = f"threads: {threads}, of {cores} cores that may be used; others keep {busy:.1f} of the machine's busy"


def said() -> str:
    """Returns what was settled, in words; nothing before."""
    return _said


def free(cores: int, *, busy: float, machine: int) -> int:
    """Returns how many threads have a core of their own, at least 1.

    Args:
        cores: That may be used.
        busy: Cores of the machine that others use.
        machine: Cores of the machine.

    >>> free(2, busy=0.3, machine=2), free(2, busy=1.4, machine=2), free(4, busy=30.0, machine=64)
    (2, 1, 4)
    """
    return max(1, min(cores, round(machine - busy)))


def usable() -> int:
    """Returns how many cores a process here may use, at least 1.

    SLURM says so, too, and does not always bind it to them; a container binds it to time, not to cores.
    """
    found = [float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)]
    given = os.environ.get("SLURM_CPUS_ON_NODE", "")
    if given.isdecimal():
        found.append(float(given))
    with suppress(OSError):
        of_process = Path("/proc/self/cgroup").read_text("utf-8")
        found += quotas(_CGROUP, of_process)
    return max(1, int(min(found)))


def quotas(root: Path, of_process: str) -> Iterator[float]:
    """Yields the limits on a process's time, in cores, of its control groups and those that they are in.

    Args:
        root: Where control groups are, `/sys/fs/cgroup`.
        of_process: What `/proc/self/cgroup` holds.
    """
    for line in of_process.splitlines():
        _, kinds, path = line.split(":", 2)
        if kinds in ("", "cpu", "cpu,cpuacct"):
            base = root / kinds if kinds else root
            group = base / path.lstrip("/")
            for folder in (group, *group.parents):
                with suppress(OSError, ValueError):
                    quota, period = _limit(folder)
                    if quota > 0:
                        yield quota / period
                if folder == base:
                    break


def _limit(folder: Path) -> tuple[float, float]:
    """Returns time and period of a group, of the second or the first version; ValueError where there is no limit."""
    with suppress(FileNotFoundError):
        quota, period = (folder / "cpu.max").read_text("utf-8").split()
        return float(quota), float(period)  # `max` is no number
    names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    quota, period = ((folder / name).read_text("utf-8") for name in names)
    return float(quota), float(period)


def load() -> float:
    """Returns how many cores others use: over the last minute, but no more than are at work now.

    The minute alone would hold a command against the one before it.
    """
    try:
        words = _LOAD.read_text("utf-8").split()
        return max(0.0, min(float(words[0]), float(words[3].partition("/")[0]) - 1))
    except (OSError, ValueError, LookupError):
        return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
