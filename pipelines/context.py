"""What a stage gets beside its settings: the store, how models are run, whom it tells.

Here: the context of a command, and which store is meant. Not here: what stages do with it (`stage.py`).
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sdc.cache.store import Store
from sdc.pipelines.engines.budget import Budget
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.progress import Progress, silent
from sdc.pipelines.tracking import Tracker

if TYPE_CHECKING:
    from sdc.pipelines.engines.ask import Asker
    from sdc.pipelines.engines.models import Model


def store(path: Path | None) -> Store:
    """Returns the store at a path; None is the one that `$SDC_STORE` or the default names."""
    return Store(path or Path(os.environ.get("SDC_STORE") or ".sdc/store.duckdb"))


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a stage gets beside its config.

    Args:
        store: Where artifacts live.
        force: Compute even if the artifact is there.
        progress: Hears of work as it is done.
        say: Takes one line for the user (stderr).
        engine: How models are run.
        budget: Limits on what they are asked, shared by all stages of a command.
        track: Hears of runs as they are fitted; None: nobody does.
    """

    store: Store
    force: bool = False
    progress: Progress = silent
    say: Callable[[str], None] = lambda line: None
    engine: EngineOptions = field(default_factory=EngineOptions)
    budget: Budget = field(default_factory=Budget)
    track: Tracker | None = None
    _models: dict[str, "Model"] = field(default_factory=dict, repr=False)

    def model(self, name: str) -> "Model":
        """Returns the model that a name means, looked up once: it is the same to the end of the command.

        The first bundled one is told of: who forgets --model should not take its figures for real ones.

        Raises:
            UsageError: It is no name of a model.
            EngineError: It cannot be had.
        """
        if name not in self._models:
            from sdc.pipelines.engines import models

            found = models.resolve(self.store, name)
            if found.is_pocket and not any(model.is_pocket for model in self._models.values()):
                self.say(f"{found.name}: the bundled pocket models are for trying and testing only")
            self._models[name] = found
        return self._models[name]

    def asker(self, model: "Model", *, batch_size: int = 32) -> "AbstractContextManager[Asker]":
        """Returns what asks a model, run as the user wants; the engine is loaded when the first call needs it.

        Args:
            model: Who answers.
            batch_size: Calls per batch of the transformers engine where the user gave none.

        Raises:
            UsageError: The engine and the model do not fit each other.
            EngineError: The engine's libraries are not installed.
        """
        from sdc.pipelines.engines import open_asker

        return open_asker(
            self.store, model, options=self.engine, budget=self.budget, say=self.say, batch_size=batch_size
        )
