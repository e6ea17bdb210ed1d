"""Trials of a search: settings that are fitted on a part of some draws, and measured on the rest.

Here: one such fit, which needs no store, and what a trial comes to. Not here: which settings are tried (`tune.py`).
"""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sdc.cache.key import derive_seed
from sdc.cache.store import Artifact
from sdc.errors import DataError
from sdc.pipelines import stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.metrics import METRICS
from sdc.pipelines.records.draws import Draw
from sdc.pipelines.records.examples import ExampleRow
from sdc.pipelines.stage import Computed, Outcome
from sdc.pipelines.students.finetune import FinetuneStudent
from sdc.pipelines.students.protocol import Count, FitFailed, Seeds, uncounted
from sdc.pipelines.students.schedule import held_out

VERSION = 1
#: The loss of a fit that broke off, in nats: worse than any that ended.
_BROKEN = 1e6


@dataclass(frozen=True, kw_only=True)
class TrialFit:
    """One set of settings on one draw.

    Args:
        cell: Language and task.
        draw: Its rows are split.
        student: With the settings.
        dev_fraction: Share of each label that is held out.
        seed: Root of its seeds.
    """

    cell: Cell
    draw: Draw
    student: FinetuneStudent
    dev_fraction: float
    seed: int

    @cached_property
    def _seeds(self) -> dict[str, int]:
        return {part: derive_seed(self.seed, f"tune-{part}", self.draw.repeat) for part in ("init", "order", "dev")}

    @property
    def planned(self) -> Artifact:
        """The artifact that it makes."""
        task = self.cell.task
        settings = {
            **self.student.identity(),
            "draw": self.draw.draw,
            "num_labels": len(task.labels),
            "metric": task.metric,
            "dev_fraction": self.dev_fraction,
            **{f"{part}_seed": seed for part, seed in self._seeds.items()},
        }
        return stage.plan(
            stage="tune", version=VERSION, config=settings, inputs=[], lang=self.cell.lang, task=task.name
        )

    def compute(self, rows: Sequence[ExampleRow], *, progress: Count = uncounted) -> Computed:
        """Returns how well the settings do on the held-out part of the draw.

        Args:
            rows: Of the draw.
            progress: Hears of the steps.

        Raises:
            DataError: The draw cannot spare a row of each label.
        """
        start = time.perf_counter()
        seeds = self._seeds
        _, texts, labels = zip(*rows, strict=True)
        dev = held_out(labels, fraction=self.dev_fraction, seed=seeds["dev"], at_least=1)
        if not dev:
            what = f"draw {self.draw.draw[:12]} cannot spare a row per label to tune on"
            raise DataError(what, str(self.cell), "tune on larger --sizes")
        kept = [i for i in range(len(texts)) if i not in set(dev)]
        gold = [labels[i] for i in dev]
        summary: dict[str, Any] = {
            "model": self.student.model,
            "source": self.draw.source,
            "rows": len(kept),
            "dev_rows": len(dev),
        }
        try:
            fitted = self.student.fit(
                [texts[i] for i in kept], [labels[i] for i in kept], num_labels=len(self.cell.task.labels),
                seeds=Seeds(init=seeds["init"], order=seeds["order"]), progress=progress,
            )  # fmt: skip
            scores = fitted.scores([texts[i] for i in dev])
        except FitFailed as failure:
            summary |= {"status": "failed", "reason": failure.reason, "score": 0.0, "dev_loss": _BROKEN}
        else:
            summary |= {"status": "ok", **_measured(self.cell, gold, scores), "details": dict(fitted.details)}
        summary["seconds"] = time.perf_counter() - start
        return Computed(rows={}, summary=summary)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One set of settings, fitted on every draw of a search."""

    settings: Mapping[str, Any]
    fits: Sequence[Outcome]

    @property
    def score(self) -> float:
        """The mean of the task's metric."""
        return statistics.fmean(fit.summary["score"] for fit in self.fits)

    @property
    def dev_loss(self) -> float:
        """The mean loss, in nats."""
        return statistics.fmean(fit.summary["dev_loss"] for fit in self.fits)

    @property
    def num_failed(self) -> int:
        """How many fits broke off."""
        return sum(fit.summary["status"] == "failed" for fit in self.fits)

    def as_json(self) -> dict[str, Any]:
        """Returns what the choice keeps of it."""
        return {
            "settings": dict(self.settings),
            "score": self.score,
            "dev_loss": self.dev_loss,
            "seconds": sum(fit.summary["seconds"] for fit in self.fits),
            "failed": self.num_failed,
            "keys": [fit.key[:12] for fit in self.fits],
        }


def _measured(cell: Cell, gold: Sequence[int], scores: Sequence[Sequence[float]]) -> dict[str, float]:
    predicted = [row.index(max(row)) for row in scores]
    score = METRICS[cell.task.metric](gold, predicted, num_labels=len(cell.task.labels)).value
    return {"score": score, "dev_loss": -statistics.fmean(row[label] for row, label in zip(scores, gold, strict=True))}
