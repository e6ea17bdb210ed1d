"""SLURM's own commands: submitting a job array, asking where it is, ending it.

Here: what they are called with, and what they answer. Not here: the script (`script.py`), what is made of the answers
(`submitting.py`).
"""

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdc.errors import EngineError, first_line
from sdc.pipelines.run.folder import PlanFolder, Submitted

#: MaxArraySize where the cluster does not say: SLURM's default. It is the first index that an array may not have.
MAX_ARRAY_SIZE = 1001
_PREFIX = re.compile(r"^\w+: (?:error: |fatal: )?")


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """One of the arrays that elements are submitted as: SLURM limits the index of an array.

    Args:
        first: Elements before its own.
        elements: How many it has.
        at_once: How many of them may run at once; None: as many as the cluster gives.
    """

    first: int
    elements: int
    at_once: int | None

    @property
    def indices(self) -> str:
        """Its indices, as sbatch takes them."""
        return f"0-{self.elements - 1}" + ("" if self.at_once is None else f"%{self.at_once}")


def chunks(elements: int, *, at_once: int | None, max_array_size: int) -> list[Chunk]:
    """Returns the arrays of so many elements.

    >>> [(chunk.first, chunk.indices) for chunk in chunks(5, at_once=2, max_array_size=3)]
    [(0, '0-2%2'), (3, '0-1%2')]
    """
    starts = range(0, elements, max_array_size)
    return [Chunk(first=start, elements=min(max_array_size, elements - start), at_once=at_once) for start in starts]


def command(script: Path, chunk: Chunk, *, after: str | None = None) -> list[str]:
    """Returns the words that submit an array.

    Args:
        script: Its script.
        chunk: Which elements.
        after: The array that must have ended before: so no more run at once than may.
    """
    waits = [] if after is None else [f"--dependency=afterany:{after}"]
    return ["sbatch", "--parsable", f"--array={chunk.indices}", *waits, str(script), str(chunk.first)]


def is_here() -> bool:
    """Returns whether jobs can be submitted from this machine."""
    return shutil.which("sbatch") is not None


def check_here() -> None:
    """Raises an EngineError where SLURM's commands are not installed."""
    if not is_here():
        fix = "log in to a machine that submits jobs; --render only writes the script"
        raise EngineError("sbatch is not installed here", "slurm", fix)


def max_array_size() -> int:
    """Returns the first index that no array may have, as the cluster's configuration says.

    Raises:
        EngineError: The cluster does not answer.
    """
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", _said(["scontrol", "show", "config"]), re.MULTILINE)
    return max(1, int(found[1])) if found else MAX_ARRAY_SIZE


def submit(script: Path, chunk: Chunk, *, after: str | None, environment: Mapping[str, str]) -> str:
    """Returns the id of the array that was submitted.

    Args:
        script: Its script.
        chunk: Which elements.
        after: The array that must have ended before; None for none.
        environment: Values of variables that the script names, beside those of this process.

    Raises:
        EngineError: SLURM refuses it.
    """
    answer = _said(command(script, chunk, after=after), {**os.environ, **environment})
    found = re.match(r"\d+", answer.strip())
    if found is None:
        raise EngineError(f"sbatch gave no id ({first_line(answer)})", "slurm", "see `squeue`")
    return found[0]


def states(arrays: Sequence[Submitted]) -> Counter[str]:
    """Returns how many elements are in which state, with its reason where they wait; none where all have ended.

    Raises:
        EngineError: The cluster does not answer.
    """
    if not arrays:
        return Counter()
    jobs = ",".join(array.job for array in arrays)
    try:
        answer = _said(["squeue", "--noheader", "--array", "--format=%T %r", f"--jobs={jobs}"])
    except EngineError as error:
        if "Invalid job id" in error.what:  # it has ended long ago
            return Counter()
        raise
    found = Counter[str]()
    for line in answer.splitlines():
        state, _, reason = line.strip().partition(" ")
        told = "" if state != "PENDING" or reason in ("", "None", "(null)") else f" ({reason})"
        found[f"{state.lower()}{told}"] += 1
    return found


def fates(arrays: Sequence[Submitted]) -> dict[int, str]:
    """Returns how elements ended, by their number, as the accounting says; nothing where there is none."""
    found: dict[int, str] = {}
    for array in arrays:
        words = ["sacct", "--noheader", "--parsable2", "--allocations", "--format=JobID,State", f"--jobs={array.job}"]
        try:
            answer = _said(words)
        except EngineError:
            return {}
        for line in answer.splitlines():
            job, _, state = line.partition("|")
            _, _, index = job.partition("_")
            if index.isdecimal():
                found[array.first + int(index) + 1] = state.split()[0] if state else ""
    return found


def cancel(arrays: Sequence[Submitted]) -> None:
    """Ends arrays that are at work.

    Raises:
        EngineError: The cluster does not answer.
    """
    _said(["scancel", "--quiet", *(array.job for array in arrays)])


def live(folder: PlanFolder) -> Counter[str]:
    """Returns the states of the elements of a plan that have not ended; none where SLURM is not known here.

    Raises:
        EngineError: The cluster does not answer.
    """
    arrays = folder.submitted()
    return states(arrays) if arrays and shutil.which("squeue") is not None else Counter()


def in_words(states: Counter[str]) -> str:
    """Returns how many elements are in which state.

    >>> in_words(Counter({"running": 2, "pending (Resources)": 1}))
    'elements: 2 running, 1 pending (Resources)'
    """
    return "elements: " + ", ".join(f"{number} {state}" for state, number in states.most_common())


def _said(words: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Returns what a command wrote.

    Raises:
        EngineError: It is not installed, or ended in an error.
    """
    try:
        ended = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace", env=environment,
            check=False,
        )  # fmt: skip
    except OSError as error:
        raise EngineError(f"{words[0]} cannot be run ({error.strerror})", "slurm", "check the installation") from error
    if ended.returncode:
        said = _PREFIX.sub("", first_line(ended.stderr or ended.stdout or f"exit code {ended.returncode}", most=300))
        raise EngineError(f"{words[0]} refuses it ({said})", "slurm", "check the site in sites.toml, and `sinfo`")
    return ended.stdout
