"""The stores of the elements of a job array: one to begin with, of which each has a copy, and all are merged again.

Here: these files, and the note beside each that says of which plan it is. Not here: what is worked on (`element.py`).
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdc import __version__
from sdc.cache import atomic, upkeep
from sdc.cache.counted import counted
from sdc.cache.excerpt import excerpt
from sdc.cache.store import Store
from sdc.errors import EngineError, SdcError, StoreError, UsageError, system_reason
from sdc.pipelines.progress import Step
from sdc.pipelines.run.folder import PlanFolder
from sdc.pipelines.run.plan import ExperimentPlan
from sdc.pipelines.stage import Context

_SEED = "seed.duckdb"
#: How an element ended: all of its runs are there.
WHOLE = "whole"


@dataclass(frozen=True, kw_only=True)
class PartStore:
    """The store of one element.

    Args:
        element: Its number, from 1.
        path: The file.
        note: What stands beside it: `plan`, `sdc`, `ended`, `fruitless`.
    """

    element: int
    path: Path
    note: Mapping[str, Any]

    @property
    def ended(self) -> str:
        """How its element ended; empty if it is at work, or was killed."""
        return str(self.note.get("ended") or "")

    @property
    def fruitless(self) -> int:
        """Turns in a row that its element used up without a run that came to its end."""
        found = self.note.get("fruitless")
        return found if isinstance(found, int) else 0


def seed(context: Context, plan: ExperimentPlan, folder: PlanFolder) -> None:
    """Makes the store that every element begins with: what runs are made from, and no runs.

    Raises:
        StoreError: It cannot be written.
    """
    keys = {key for cell in plan.cells for key in cell.steps}  # the test and the samples are among them
    for line in plan.experiment.lines:
        if "+" in str(line.settings.get("model", "")):  # an adapter that a run of this store trained
            run = context.model(str(line.settings["model"])).run
            keys |= {run} if run else set()
    excerpt(context.store, keys, folder.path / _SEED)


def begin(store: Store, folder: PlanFolder, plan: str, element: int) -> PartStore:
    """Returns the store of an element, with the note that was beside it; a copy of the seed if it is not there.

    Raises:
        StoreError: It cannot be written, or it is of another plan.
        UsageError: There is no seed.
    """
    seed = folder.path / _SEED
    found = PartStore(element=element, path=store.path, note=_note(store.path))
    if store.exists():
        _check(found, plan)
        _write_note(folder, found, plan, "", found.fruitless)
        return found
    if not seed.is_file():
        raise UsageError("there is no store to begin with", str(seed), "run `sdc run FILE --on SITE` again")
    _write_note(folder, found, plan, "", 0)
    try:
        store.place.make_home()
        for digest in Store(seed).blobs.all():
            store.blobs.put(Store(seed).blobs.path(digest))
        with atomic.beside(store.path) as temporary:
            shutil.copyfile(seed, temporary)
            temporary.chmod(0o600)
            atomic.put(temporary, store.path)
    except OSError as error:
        what = f"cannot copy the store to begin with ({system_reason(error)})"
        raise StoreError(what, str(store.path), "free some space; the rest of the array goes on") from error
    return found


def end(part: PartStore, folder: PlanFolder, plan: str, how: str, *, fruitless: int = 0) -> None:
    """Notes how an element ended."""
    _write_note(folder, part, plan, how, fruitless)


def all_of(folder: PlanFolder) -> list[PartStore]:
    """Returns the parts that there are, by the number of their element."""
    files = [path for path in folder.parts.glob("*.duckdb") if path.stem.isdecimal()]
    found = [PartStore(element=int(path.stem), path=path, note=_note(path)) for path in files]
    return sorted(found, key=lambda part: part.element)


def taken_over(context: Context, folder: PlanFolder, plan: ExperimentPlan) -> list[SdcError]:
    """Merges all parts; returns what was wrong with parts, each of which was said."""
    problems, taken = list[SdcError](), 0
    there = all_of(folder)
    for number, (part, found) in enumerate(_merged(context.store, folder, plan.digest), start=1):
        what = f"collect {plan.experiment.name}"
        context.progress(Step(what=what, done=number, total=len(there), unit="part"))
        if isinstance(found, SdcError):
            problems.append(found)
            context.say(f"element {part.element}: {found}")
        else:
            taken += found.artifacts + found.replaced
    if there:
        context.say(f"collected {counted(len(there) - len(problems), 'part')}: {counted(taken, 'new artifact')}")
    return problems


def _merged(store: Store, folder: PlanFolder, plan: str) -> Iterator[tuple[PartStore, upkeep.Merged | SdcError]]:
    """Yields each part with what the store took over from it, or why it took nothing."""
    for part in all_of(folder):
        try:
            _check(part, plan)
            yield part, upkeep.merge(store, part.path)
        except (StoreError, UsageError, EngineError) as error:
            yield part, error


def _check(part: PartStore, plan: str) -> None:
    """Raises a StoreError if a part is of another plan, or nobody knows of which."""
    its = part.note.get("plan")
    if its != plan:
        what = f"it is of another plan, {str(its)[:12]}" if its else "nothing beside it says of which plan it is"
        raise StoreError(what, str(part.path), "move it away; `sdc store merge` takes over what it has")


def _note(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.with_suffix(".json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_note(folder: PlanFolder, part: PartStore, plan: str, how: str, fruitless: int) -> None:
    about = {"plan": plan, "sdc": __version__, "ended": how, "fruitless": fruitless}
    name = str(part.path.with_suffix(".json").relative_to(folder.path))
    folder.write(name, json.dumps(about, ensure_ascii=False))
