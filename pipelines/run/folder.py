"""The folder of a plan, beside the store: what was planned, and who tried which batch when.

The state of an experiment is the store; nothing here says what is done. Here: `plan.json`, `attempts.jsonl`, the parts
of a job array. Not here: what is made of them (`driver.py`, `status.py`).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sdc import __version__
from sdc.cache import atomic
from sdc.cache.store import Store
from sdc.errors import StoreError, UsageError, system_reason
from sdc.pipelines.run.batches import RunBatch


class PlanFolder:
    """`STORE.d/runs/PLAN/`.

    Args:
        store: The store of the experiment.
        plan: The digest of the plan.
    """

    def __init__(self, store: Store, plan: str) -> None:
        self.path = store.place.home / "runs" / plan[:12]
        self._plan = plan

    @property
    def parts(self) -> Path:
        """Where the stores of a job array stand."""
        return self.path / "parts"

    def freeze(self, name: str, batches: Sequence[RunBatch], shards: Sequence[Sequence[str]] = ()) -> None:
        """Writes what was planned: every element of an array reads the same batches in the same shares.

        Args:
            name: Of the experiment.
            batches: What is to do.
            shards: The ids of the batches of each element.

        Raises:
            StoreError: It cannot be written.
        """
        content = {
            "plan": self._plan,
            "experiment": name,
            "sdc": __version__,
            "written_at": _now(),
            "batches": [batch.as_json() for batch in batches],
            "shards": [list(shard) for shard in shards],
        }
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with atomic.beside(self.path / "plan.json") as temporary:
                temporary.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
                atomic.put(temporary, self.path / "plan.json")
        except OSError as error:
            raise StoreError(f"cannot write it ({system_reason(error)})", str(self.path), "free some space") from error

    def frozen(self) -> dict[str, Any]:
        """Returns what `freeze` wrote.

        Raises:
            UsageError: There is nothing, it is damaged, or another sdc wrote it.
        """
        path = self.path / "plan.json"
        try:
            found: dict[str, Any] = json.loads(path.read_text("utf-8"))
            plan, version = found["plan"], found["sdc"]
            batches, shards = [RunBatch.of_json(raw) for raw in found["batches"]], found["shards"]
        except FileNotFoundError as error:
            raise UsageError("this plan was never written", str(path), "run `sdc run FILE` without --shard") from error
        except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
            raise UsageError("the plan is damaged", str(path), "run `sdc run FILE` again to write it") from error
        if plan != self._plan or version != __version__:
            what = (
                f"it was planned by sdc {version}, and this is {__version__}" if plan == self._plan else "another plan"
            )
            raise UsageError(what, str(path), "use one sdc everywhere, and run `sdc run FILE` again")
        return {**found, "batches": batches, "shards": shards}

    def note(self, **what: Any) -> None:
        """Adds a line about an attempt; that it cannot be written stops nothing."""
        line = json.dumps({"at": _now(), **what}, ensure_ascii=False)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with (self.path / "attempts.jsonl").open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError:
            return

    def attempts(self) -> list[Mapping[str, Any]]:
        """Returns the lines about attempts; half a line, as a killed process leaves it, is none."""
        try:
            lines = (self.path / "attempts.jsonl").read_text("utf-8", errors="replace").splitlines()
        except OSError:
            return []
        found: list[Mapping[str, Any]] = []
        for line in lines:
            try:
                raw = json.loads(line)
            except ValueError:
                continue
            found += [raw] if isinstance(raw, dict) else []
        return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
