"""notebook: a store with the stages as methods, for Python and notebooks; `import sdc` gives it as `sdc.open`.

Here: opening one, and what it says as frames. Not here: the stages as methods (`stages.py`), and anything that they do:
these are the functions that the command line calls, with its errors. Nothing is printed: what a command would say to
stderr goes to `say`.
"""

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from sdc.cache import scratch
from sdc.pipelines import cells, context, export, predict, report, sharing
from sdc.pipelines.data import shared
from sdc.pipelines.engines import budget
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.export import ExportConfig
from sdc.pipelines.notebook import arguments, frames, looking
from sdc.pipelines.notebook.arguments import Given, Named
from sdc.pipelines.notebook.looking import DryRun, Previews
from sdc.pipelines.notebook.stages import Stages
from sdc.pipelines.predict import chosen, input
from sdc.pipelines.predict import formats as predictions
from sdc.pipelines.progress import Progress, silent
from sdc.pipelines.records import run_record
from sdc.pipelines.report import ReportConfig, formats
from sdc.pipelines.report import inputs as report_inputs
from sdc.pipelines.sharing import Shared
from sdc.pipelines.stage import Context, Outcome
from sdc.pipelines.text import commas


def open_store(
    path: str | os.PathLike[str] | None = None,
    *,
    engine: str = "auto",
    server: str | None = None,
    engine_args: Mapping[str, object] | None = None,
    batch_size: int | None = None,
    max_calls: int | None = None,
    max_tokens: int | None = None,
    max_cost: float | None = None,
    prices: str | os.PathLike[str] | None = None,
    say: Callable[[str], None] | None = None,
    progress: Progress = silent,
) -> "OpenStore":
    """Returns a store with the stages as methods; there need be no store yet.

    Args:
        path: The store file; None is $SDC_STORE, else `.sdc/store.duckdb`.
        engine, server, engine_args, batch_size: How models are run, as the flags of `sdc gen`.
        max_calls, max_tokens, max_cost, prices: Limits on all that is newly asked through what comes back.
        say: Takes the lines that a command writes to stderr; None gives them to the logger `sdc`, as warnings.
        progress: Hears of work as it is done, a `Step` at a time.

    Raises:
        UsageError: There is no such engine or setting, or the price table cannot be read.
    """
    settings = {name: str(value) for name, value in (engine_args or {}).items()}
    return OpenStore(
        Context(
            store=context.store(None if path is None else Path(path)),
            say=say or logging.getLogger("sdc").warning,
            progress=progress,
            engine=EngineOptions.parse(settings, engine=engine, server=server, batch_size=batch_size),
            budget=budget.limits(max_calls, max_tokens, max_cost, None if prices is None else Path(prices)),
        )
    )


class OpenStore(Stages):
    """A store with the stages as methods, and what it says as frames; make one with `sdc.open`."""

    def __repr__(self) -> str:
        return f"sdc.open({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The store file."""
        return self._context.store.path

    def dry_run(self, stage: str, keys: Given = None, *, frame: str | None = "pandas", **settings: Any) -> Any:
        """Returns what a stage would make and ask, a row per artifact, as its command with `--dry-run`.

        Args:
            stage: One of `gen`, `judge`, `sample`, `train`, `icl`, `eval`.
            keys: As of the method of that name.
            frame: As of `report`.
            settings: As of the method of that name, `lang` and `task` among them.

        Raises:
            UsageError: There is no such stage.
        """
        looking.check(stage, looking.PLANNED)
        look = DryRun()
        getattr(Stages(self._context, look), stage)(keys, **settings)
        return look.frame(frame)

    def preview(
        self, stage: str, keys: Given = None, *, most: int = 3, frame: str | None = "pandas", **settings: Any
    ) -> list[dict[str, Any]]:
        """Returns what an LLM is asked, and what came of the first calls; nothing is kept but the replies.

        Args:
            stage: One of `gen`, `judge`, `icl`.
            keys: As of the method of that name.
            most: Calls of each cell, from 1.
            frame: As of `report`.
            settings: As of the method of that name, `lang` and `task` among them.

        Returns:
            For each cell `cell`, `prompts` (what is asked -> the prompt) and `results`, a frame.

        Raises:
            UsageError: There is no such stage, or it asks no LLM.
        """
        looking.check(stage, looking.PREVIEWED)
        look = Previews(most, frame)
        getattr(Stages(self._context, look), stage)(keys, **settings)
        return look.found

    def report(
        self,
        keys: Given = None,
        *,
        lang: Named = None,
        task: Named = None,
        frame: str | None = "pandas",
        **settings: Any,
    ) -> Any:
        """Returns what the evaluated runs say, a row per result, as `sdc report` (settings: `ReportConfig`).

        Args:
            keys: Evaluations; without, all that count.
            lang, task: What they are of.
            frame: `pandas`, `polars`, or None for a list of dicts. Scores are shares from 0 to 1.
            settings: Such as `by=("method", "source")`.

        Raises:
            DataError: Nothing is evaluated.
        """
        given = arguments.checked(settings, ReportConfig)
        config = ReportConfig(**{**given, "by": tuple(commas.parts(given.get("by")))})
        langs, tasks = commas.parts(lang), commas.parts(task)
        evals, wanted = report_inputs.of(self._context, arguments.keys(keys), langs, tasks)
        rows = formats.records(report.run(self._context, config, evals=evals, wanted=wanted))
        if not evals and wanted:
            named = (bool(flag) and cells.ALL not in flag for flag in (langs, tasks))
            for _, error in report.lacking(self._context, wanted, langs=next(named), tasks=next(named)):
                self._context.say(f"report: {error}")
        return frames.frame(list(rows[0]), [list(row.values()) for row in rows], frame)

    def sql(self, select: str, *, frame: str | None = "pandas") -> Any:
        """Returns the rows of a select on the store's tables (docs/store.md), as `sdc store sql`; see `report`."""
        names, rows = self._context.store.query_with_names(select)
        return frames.frame(names, rows, frame)

    def predict(
        self,
        texts: Iterable[object],
        *,
        run: str | Outcome | None = None,
        model: str | os.PathLike[str] | None = None,
        onnx: str | None = None,
        base: str | None = None,
        keep_weights: bool = False,
        frame: str | None = "pandas",
    ) -> Any:
        """Returns a row per text with its label and probabilities, or the reason why there is none, as `sdc predict`.

        Args:
            texts: Such as a list, or a column of a frame.
            run: A run, or its evaluation.
            model: A folder that `export` wrote, instead of a run.
            onnx, base, keep_weights: As the flags of `sdc predict`.
            frame: As of `report`.

        Raises:
            UsageError: Neither a run nor a folder is named, or both.
            EngineError: The model cannot be loaded, or does not answer.
        """
        folder = None if model is None else Path(model)
        with chosen.predictor(
            self._context, run=arguments.key(run), folder=folder, precision=onnx, base=base, keep_weights=keep_weights
        ) as predictor:
            batches = predict.run(predictor, map(input.text_row, texts))
            found = [row for batch in batches for row in batch]
            rows = [predictions.cells(place, row, predictor.task) for place, row in enumerate(found)]
            return frames.frame(predictions.columns(predictor.task), rows, frame)

    def push(
        self,
        repo: str,
        keys: Given = None,
        *,
        lang: Named = None,
        task: Named = None,
        licence: str | None = None,
        public: bool = False,
        dry_run: bool = False,
        force: bool = False,
    ) -> dict[str, Any]:
        """Sends examples to the Hugging Face hub as a data set with a card, as `sdc data push`.

        Returns:
            `repo`, `public`, `files` (path -> bytes) and `url`, which is None where `dry_run` sends nothing.
        """
        where = Shared(repo=repo, kind="dataset", public=public, update=force)
        if not dry_run:
            sharing.check()
        found = shared.parts(self._context, self._pairs(keys, lang, task, *shared.STAGES))
        with scratch.folder("push") as folder:
            shared.write(self._context, folder, found, name=repo.partition("/")[2], licence=licence)
            sent = {file.path: file.size for file in sharing.files(folder)}
            url = None if dry_run else sharing.push(folder, where, message="sdc data push")
        return {"repo": repo, "public": public, "files": sent, "url": url}

    def export(self, run: str | Outcome, out: str | os.PathLike[str], **settings: Any) -> dict[str, Any]:
        """Writes a trained run as a folder for other libraries, as `sdc export` (settings: `ExportConfig`).

        Returns:
            `key`, `hit`, `method`, `out`, `bytes`, and with ONNX the measured agreement of each form as `onnx`.
        """
        config = ExportConfig(**arguments.checked(settings, ExportConfig), out=Path(out))
        (key,) = arguments.keys(run)
        return export.run(self._context, config, run_record.find(self._context, key))
