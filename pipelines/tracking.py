"""Training curves, through the library that the user has: Weights & Biases, MLflow or Trackio.

Here: which there are, and their calls; they are imported when the first run begins. Not here: what is told of a run
(`train/tracks.py`).
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context as Variables
from dataclasses import dataclass
from importlib import import_module, util
from typing import Any, Protocol

from sdc.errors import UsageError, one_of

#: What runs are filed under where the library's own variable names nothing else.
PROJECT = "sdc"
#: Points in one call to MLflow, whose servers take 1000 numbers.
_AT_ONCE = 250


@dataclass(frozen=True, kw_only=True)
class TrackedPoint:
    """What was measured after so many steps; `time_s` is the time of day, in seconds since 1970."""

    step: int
    time_s: float
    values: Mapping[str, float]


class Told(Protocol):
    """A run at a tracker."""

    def points(self, points: Sequence[TrackedPoint]) -> None:
        """Takes points, by rising step."""

    def end(self, numbers: Mapping[str, float], *, failed: bool) -> None:
        """Takes what is known at the end."""


@dataclass(frozen=True)
class Tracker:
    """Whom runs are told to: one of `TRACKERS`; it is not imported to find out whether it is there.

    Raises:
        UsageError: There is no such tracker, or it is not installed.
    """

    name: str

    def __post_init__(self) -> None:
        if self.name not in TRACKERS:
            raise UsageError(f"unknown tracker {self.name[:80]!r}", "--track", one_of(self.name[:80], TRACKERS))
        found = util.find_spec(self.name)
        if found is None or found.origin is None:  # a folder of that name, as wandb makes one for its runs
            raise UsageError(f"{self.name} is not installed", "--track", f"`pip install {self.name}`")


def _final(numbers: Mapping[str, float]) -> dict[str, float]:
    """Returns what is known at the end by the names that every library gets."""
    return {f"final/{name}": value for name, value in numbers.items()}


# -- the calls of each library ---------------------------------------------------------------------------------------


class _Wandb:
    def __init__(self, name: str, group: str, about: Mapping[str, Any]) -> None:
        wandb = import_module("wandb")
        quiet = {"silent": True, "console": "off"}
        nothing_else = {
            "disable_git": True, "disable_code": True, "x_disable_meta": True, "x_disable_stats": True,
            "x_disable_machine_info": True, "x_save_requirements": False,
        }  # fmt: skip
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT, name=name, group=group, config=dict(about),
            reinit="create_new", settings=wandb.Settings(**quiet, **nothing_else),
        )  # fmt: skip

    def points(self, points: Sequence[TrackedPoint]) -> None:
        for point in points:
            self._run.log(dict(point.values), step=point.step)

    def end(self, numbers: Mapping[str, float], *, failed: bool) -> None:
        self._run.summary.update(_final(numbers))
        self._run.finish(exit_code=int(failed))


class _Mlflow:
    def __init__(self, name: str, group: str, about: Mapping[str, Any]) -> None:
        mlflow = import_module("mlflow")
        self._entities = import_module("mlflow.entities")
        experiment = mlflow.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME") or PROJECT)
        self._client = mlflow.MlflowClient()
        run = self._client.create_run(experiment.experiment_id, run_name=name, tags={"group": group})
        self._id, self._last = run.info.run_id, 0
        params = [self._entities.Param(key, str(value)) for key, value in about.items()]
        self._client.log_batch(self._id, params=params)

    def points(self, points: Sequence[TrackedPoint]) -> None:
        for start in range(0, len(points), _AT_ONCE):
            metrics = [
                self._entities.Metric(name, value, round(point.time_s * 1000), point.step)
                for point in points[start : start + _AT_ONCE]
                for name, value in point.values.items()
            ]
            self._client.log_batch(self._id, metrics=metrics)
        self._last = points[-1].step

    def end(self, numbers: Mapping[str, float], *, failed: bool) -> None:
        self.points([TrackedPoint(step=self._last, time_s=time.time(), values=_final(numbers))])
        self._client.set_terminated(self._id, status="FAILED" if failed else "FINISHED")


class _Trackio:
    def __init__(self, name: str, group: str, about: Mapping[str, Any]) -> None:
        trackio = import_module("trackio")
        # It ends the run that it knows of when another begins: runs that are fitted together must not know each other.
        self._run = Variables().run(
            trackio.init, project=os.environ.get("TRACKIO_PROJECT") or PROJECT, name=name, group=group,
            config=dict(about), embed=False, auto_log_cpu=False, auto_log_gpu=False,
        )  # fmt: skip
        self._last = 0

    def points(self, points: Sequence[TrackedPoint]) -> None:
        for point in points:
            self._run.log(dict(point.values), step=point.step)
        self._last = points[-1].step

    def end(self, numbers: Mapping[str, float], *, failed: bool) -> None:
        self._run.log(_final({**numbers, "failed": int(failed)}), step=self._last)
        self._run.finish()


#: Name, as `--track` and pip know it -> what begins a run there.
TRACKERS: Mapping[str, Callable[[str, str, Mapping[str, Any]], Told]] = {
    "wandb": _Wandb,
    "mlflow": _Mlflow,
    "trackio": _Trackio,
}
