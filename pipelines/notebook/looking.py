"""What a stage would do, in place of doing it: the records of a dry run, and previews.

Here: what is asked of a stage in the place of its `run`, and how it is returned. Not here: what it tells (each stage).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sdc.errors import UsageError, one_of
from sdc.pipelines.notebook import frames
from sdc.pipelines.view import Preview

#: The stages that can be asked.
PLANNED = ("gen", "judge", "sample", "train", "icl", "eval")
PREVIEWED = ("gen", "judge", "icl")


def check(stage: str, known: Sequence[str]) -> None:
    """Raises a UsageError if a stage is not among those known."""
    if stage not in known:
        raise UsageError(f"unknown stage {stage!r}", "stage", one_of(stage, known))


class DryRun:
    """Takes what stages would make and ask."""

    def __init__(self) -> None:
        self.records: list[Mapping[str, Any]] = []

    def __call__(self, stage: Any, *given: Any, **inputs: Any) -> None:
        """Asks a stage what its `run` would do, given the same."""
        self.take(stage.dry_run(*given, **inputs))

    def take(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Takes what is told of something beside a `run`."""
        self.records += records

    def frame(self, kind: str | None) -> Any:
        """Returns all of it, a row per artifact."""
        names = list(dict.fromkeys(name for record in self.records for name in record))
        return frames.frame(names, [[record.get(name) for name in names] for record in self.records], kind)


class Previews:
    """Takes what an LLM is asked, and what came of the first calls.

    Args:
        most: Calls of a cell.
        kind: The frame of the results.
    """

    def __init__(self, most: int, kind: str | None) -> None:
        if most < 1:
            raise UsageError(f"{most} calls are no preview", "most", "from 1")
        self._most, self._kind = most, kind
        self.found: list[dict[str, Any]] = []

    def __call__(self, stage: Any, context: Any, config: Any, cell: Any, **inputs: Any) -> None:
        """Asks a stage for a preview of its `run`, given the same."""
        preview: Callable[..., Preview] = stage.preview
        seen = preview(context, config, cell, **inputs, most=self._most)
        names = list(seen.results.rows[0]) if seen.results.rows else []
        results = frames.frame(names, [[row[name] for name in names] for row in seen.results.rows], self._kind)
        self.found.append({"cell": str(cell), "prompts": dict(seen.prompts), "results": results})

    def take(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Takes nothing: what is no stage is not previewed."""
