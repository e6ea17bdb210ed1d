"""Where an experiment is submitted from as a job array, and its elements worked on, in this process.

Here: the experiment, the site, the place. Not here: SLURM's commands (`slurm_commands.py`).
"""

from pathlib import Path
from typing import Any

from experiment_files import loaded, small
from slurm_commands import SlurmCommands

from sdc.cache.store import Store
from sdc.pipelines import run as experiments
from sdc.pipelines.run import file
from sdc.pipelines.run.array import element
from sdc.pipelines.run.array.element import ElementEnded, Shard
from sdc.pipelines.run.array.submitting import ArrayExperiment
from sdc.pipelines.run.folder import PlanFolder
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context

SMALL = small()
SITE = Site(name="there", executor="slurm", partition="gpu", elements=2, workers=1)


class Submitting:
    """A folder with an experiment, where it is submitted from."""

    def __init__(self, path: Path, slurm: SlurmCommands) -> None:
        self.path, self.slurm, self.said = path, slurm, list[str]()
        self.text = SMALL
        self.context = Context(store=Store(path / "store.duckdb"), say=self.said.append)

    def array(self, context: Context | None = None, site: Site = SITE, **how: Any) -> ArrayExperiment:
        experiment = loaded(self.path, self.text)
        return ArrayExperiment(context=context or self.context, experiment=experiment, site=site, **how)

    @property
    def folder(self) -> PlanFolder:
        return PlanFolder(self.context.store, experiments.look(self.context, self.array().experiment).digest)

    def element(self, number: int, of: int = 2, **how: Any) -> ElementEnded:
        """An element as its script starts it: with the file in the folder, and a store of its own."""
        context = Context(store=Store(self.folder.parts / f"{number}.duckdb"))
        experiment = file.load(str(self.folder.path / "mine.toml"))
        return element.run(context, experiment, Shard(element=number, elements=of), **how)

    def num_runs(self) -> int:
        return len(self.context.store.query("select key from runs"))
