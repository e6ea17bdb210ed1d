"""The folder of a plan, beside the store: what was planned, and who tried which batch when.

The state of an experiment is the store; nothing here says what is done. Here: `plan.json`, `attempts.jsonl`,
`submitted.jsonl`, and where the parts of a job array are. Not here: what is made of them (`driver.py`, `status.py`,
`array/`).
"""

import fcntl
import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sdc import __version__
from sdc.cache import atomic
from sdc.cache.store import Store
from sdc.errors import StoreError, UsageError, system_reason
from sdc.pipelines.run.batches import RunBatch


@dataclass(frozen=True, kw_only=True)
class FrozenPlan:
    """What was planned for others to work on.

    Args:
        plan: The digest of the plan.
        batches: What is to do.
        shards: The ids of the batches of each element of an array.
        lines: Positions of the lines of the experiment that have runs: optional ones may have been left out.
        cells: What the runs of each cell are made from: `cell`, the key of its `test`, and of its `samples` by source.
        site: What elements have to know of their site: fields of `Site`.
        half_width: As `Stop.half_width`, for each element; None where an element could not tell.
    """

    plan: str
    batches: Sequence[RunBatch]
    shards: Sequence[Sequence[str]] = ()
    lines: Sequence[int] = ()
    cells: Sequence[Mapping[str, Any]] = ()
    site: Mapping[str, Any] = field(default_factory=dict)
    half_width: float | None = None

    def of_shard(self, number: int) -> list[RunBatch]:
        """Returns the batches of an element, from 1, in the order of the plan."""
        wanted = set(self.shards[number - 1])
        return [batch for batch in self.batches if batch.id in wanted]


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """A job array that was submitted.

    Args:
        job: Its id.
        first: The element, from 1, that its index 0 is.
        elements: How many it has.
        site: Where it is.
        at: When.
    """

    job: str
    first: int
    elements: int
    site: str
    at: str = field(default_factory=lambda: _now())


class PlanFolder:
    """`STORE.d/runs/PLAN/`.

    Args:
        store: The store of the experiment.
        plan: The digest of the plan.
        path: The folder, where the store is that of an element.
        element: Its number; its attempts are noted in a file of its own, for many write at once.
    """

    def __init__(self, store: Store, plan: str, *, path: Path | None = None, element: int | None = None) -> None:
        self._own = {} if element is None else {"element": element, "host": platform.node()}
        self.path = path or store.place.home / "runs" / plan[:12]
        self._plan = plan
        self._attempts = self.path / "attempts.jsonl" if element is None else self.parts / f"{element}.attempts.jsonl"

    @property
    def parts(self) -> Path:
        """Where the stores of a job array stand."""
        return self.path / "parts"

    def freeze(self, name: str, frozen: FrozenPlan) -> None:
        """Writes what was planned: every element of an array reads the same batches in the same shares.

        Args:
            name: Of the experiment.
            frozen: What was planned.

        Raises:
            StoreError: It cannot be written.
        """
        content = {
            "plan": self._plan,
            "experiment": name,
            "sdc": __version__,
            "written_at": _now(),
            **{key: value for key, value in vars(frozen).items() if key != "plan"},
            "batches": [batch.as_json() for batch in frozen.batches],
        }
        self.write("plan.json", json.dumps(content, ensure_ascii=False))

    def write(self, name: str, text: str) -> Path:
        """Writes a file of the folder, whole or not at all, and returns its path.

        Raises:
            StoreError: It cannot be written.
        """
        place = self.path / name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with atomic.beside(place) as temporary:
                temporary.write_text(text, "utf-8")
                atomic.put(temporary, place)
        except OSError as error:
            raise StoreError(f"cannot write it ({system_reason(error)})", str(self.path), "free some space") from error
        return place

    @contextmanager
    def alone(self, say: Callable[[str], None]) -> Iterator[None]:
        """Lets one process at a time plan and submit; where the file system has no locks, luck decides.

        Args:
            say: Is told if another one is at it.
        """
        with ExitStack() as closing:
            with suppress(OSError):
                self.path.mkdir(parents=True, exist_ok=True)
                folder = os.open(self.path, os.O_RDONLY)
                closing.callback(os.close, folder)
                try:
                    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    say(f"another sdc plans or submits this just now ({self.path}); waiting for it")
                    fcntl.flock(folder, fcntl.LOCK_EX)
            yield

    def submitted(self) -> list[Submitted]:
        """Returns the job arrays that were submitted for the plan, in their order."""
        names = Submitted.__dataclass_fields__.keys()
        return [Submitted(**raw) for raw in _lines(self.path / "submitted.jsonl") if raw.keys() == names]

    def note_submitted(self, array: Submitted) -> None:
        """Adds a job array to those that were submitted.

        Raises:
            StoreError: It cannot be written.
        """
        lines = [json.dumps(vars(each)) for each in (*self.submitted(), array)]
        self.write("submitted.jsonl", "".join(f"{line}\n" for line in lines))

    def note(self, **what: Any) -> None:
        """Adds a line about an attempt; that it cannot be written stops nothing."""
        line = json.dumps({"at": _now(), **self._own, **what}, ensure_ascii=False)
        try:
            self._attempts.parent.mkdir(parents=True, exist_ok=True)
            with self._attempts.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError:
            return

    def attempts(self) -> list[Mapping[str, Any]]:
        """Returns the lines about attempts, those of elements too; half a line, as a killed process leaves, is none."""
        files = [self._attempts, *self.parts.glob("*.attempts.jsonl")]
        return sorted((line for file in files for line in _lines(file)), key=lambda line: str(line.get("at")))


def frozen_at(folder: Path) -> FrozenPlan:
    """Returns what `PlanFolder.freeze` wrote into a folder.

    Raises:
        UsageError: There is nothing, it is damaged, or another sdc wrote it.
    """
    path = folder / "plan.json"
    try:
        raw: dict[str, Any] = json.loads(path.read_text("utf-8"))
        version = raw["sdc"]
        if version != __version__:
            what = f"it was planned by sdc {version}, and this is {__version__}"
            raise UsageError(what, str(path), "use one sdc everywhere, and run `sdc run FILE` again")
        batches = [RunBatch.of_json(batch) for batch in raw.pop("batches")]
        names = FrozenPlan.__dataclass_fields__.keys() & raw.keys()
        return FrozenPlan(batches=batches, **{name: raw[name] for name in names})
    except FileNotFoundError as error:
        raise UsageError("this plan was never written", str(path), "run `sdc run FILE` without --shard") from error
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise UsageError("the plan is damaged", str(path), "run `sdc run FILE` again to write it") from error


def _lines(path: Path) -> list[dict[str, Any]]:
    """Returns the JSON objects of a file, one a line; none where there is no file."""
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found: list[dict[str, Any]] = []
    for line in lines:
        try:
            raw = json.loads(line)
        except ValueError:
            continue
        found += [raw] if isinstance(raw, dict) else []
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
