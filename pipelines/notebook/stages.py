"""The stages as methods: arguments of Python become what `run` of a stage takes, as flags do in `cli/`.

Here: one method per stage. Not here: any stage, what one works on where no key is
given (`inputs.py` of each), how results are read (`__init__.py`).
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sdc.cache.store import Artifact
from sdc.pipelines import cells, data, gen, icl, judge, presets, sample, train
from sdc.pipelines import eval as evaluation
from sdc.pipelines.cells import Cell
from sdc.pipelines.data.config import DataConfig
from sdc.pipelines.gen import inputs as gen_inputs
from sdc.pipelines.gen.config import MOST_ROUNDS, GenConfig
from sdc.pipelines.icl import inputs as icl_inputs
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.notebook import arguments
from sdc.pipelines.notebook.arguments import Given, Named
from sdc.pipelines.notebook.looking import DryRun, Previews
from sdc.pipelines.notebook.several import over
from sdc.pipelines.records import inputs, lineage
from sdc.pipelines.run import until_accepted as turns
from sdc.pipelines.sample import inputs as sample_inputs
from sdc.pipelines.sample.config import SampleConfig
from sdc.pipelines.stage import Context, Outcome
from sdc.pipelines.text import commas
from sdc.pipelines.tracking import Tracker
from sdc.pipelines.train import inputs as train_inputs
from sdc.pipelines.train import tune


class Stages:
    """The stages of a store.

    Each takes keys (texts, or what another stage returned), or languages and tasks, as its command does, and its
    settings by the names of its config. It returns one outcome per artifact: its key, whether it was there already
    (`hit`), and its summary. The first error ends it; what was made until then is kept.
    """

    def __init__(self, context: Context, look: DryRun | Previews | None = None) -> None:
        self._context, self._look = context, look

    def add(
        self,
        files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        lang: str,
        task: str,
        split: str = "train",
        append: str | None = None,
        drop_leaks: bool = False,
        force: bool = False,
        **settings: Any,
    ) -> list[Outcome]:
        """Takes in files of labelled examples that are one data set, as `sdc data add` (settings: `DataConfig`)."""
        running = self._running(force)
        paths = [Path(file) for file in ([files] if isinstance(files, str | os.PathLike) else files)]
        (cell,) = cells.expand(running.store, [lang], [task], of_paper=True)
        config = DataConfig(split=split, **arguments.checked(settings, DataConfig))
        return data.add_set(running, cell, paths, config, append=append, drop_leaks=drop_leaks)

    def gen(
        self,
        keys: Given = None,
        *,
        lang: Named = None,
        task: Named = None,
        preset: str = presets.DEFAULT,
        top_up: bool = False,
        until_accepted: bool = False,
        rounds: int = MOST_ROUNDS,
        judge_model: str | None = None,
        no_think: bool = False,
        force: bool = False,
        **settings: Any,
    ) -> list[Outcome]:
        """Writes synthetic examples with an LLM, as `sdc gen` (settings: `GenConfig`); in turns: the last judgement."""
        running = self._running(force)
        config = gen.configured(running, preset, no_think=no_think, **arguments.checked(settings, GenConfig))

        def one(cell: Cell, artifact: Any) -> list[Outcome]:
            named, judgement = gen_inputs.of(running, cell, artifact, top_up=top_up)
            if "num_seeds" in settings:
                gen.check_seeds(running, config, cell, data=named)
            if until_accepted and self._look:
                running.say(f"{cell}: this is the first of up to {rounds} rounds, each of which is judged")
            elif until_accepted:
                judging = judge.configured(running, preset, model=judge_model, seed=config.seed)
                *_, last = turns.rounds(running, config, judging, cell, data=named, judgement=judgement, most=rounds)
                return [last.judgement]
            return self._do(gen, running, config, cell, data=named, judgement=judgement)

        return over(running, self._pairs(keys, lang, task, "data", "judge"), one)

    def judge(
        self,
        keys: Given = None,
        *,
        lang: Named = None,
        task: Named = None,
        preset: str = presets.DEFAULT,
        no_think: bool = False,
        force: bool = False,
        **settings: Any,
    ) -> list[Outcome]:
        """Accepts or rejects synthetic examples, as `sdc judge` (settings: `JudgeConfig`; `llm=False`: gates only)."""
        running = self._running(force)
        config = judge.configured(running, preset, no_think=no_think, **arguments.checked(settings, JudgeConfig))
        return over(
            running,
            self._pairs(keys, lang, task, "gen"),
            lambda cell, named: self._do(
                judge, running, config, cell, generation=named or lineage.newest_generation(running, cell)
            ),
        )

    def sample(
        self,
        keys: Given = None,
        *,
        lang: Named = None,
        task: Named = None,
        source: Named = None,
        sizes: Any = None,
        preset: str = presets.DEFAULT,
        force: bool = False,
        **settings: Any,
    ) -> list[Outcome]:
        """Draws training sets of several sizes, as `sdc sample` (settings: `SampleConfig`).

        Args:
            source: Kinds of rows, one or several; without, synthetic ones, or human ones of human data.
            sizes: Numbers of rows, and `all`; they are drawn or refused. Without, those of the preset that fit.
        """
        running = self._running(force)
        names, flags = commas.parts(source), arguments.checked(settings, SampleConfig)
        flags |= {"sizes": arguments.sizes(sizes), "exact": True} if sizes is not None else {}

        def one(cell: Cell, artifact: Any) -> list[Outcome]:
            made = []
            for name in names or ["human" if artifact is not None and artifact.stage == "data" else "synthetic"]:
                config = sample.configured(running, preset, task=cell.task.name, source=name, **flags)
                examples, human = sample_inputs.of(running, config, cell, artifact)
                made += self._do(sample, running, config, cell, examples=examples, human=human)
            return made

        return over(running, self._pairs(keys, lang, task, "judge", "gen", "data"), one)

    def train(
        self,
        keys: Given = None,
        *,
        lang: Named = None,
        task: Named = None,
        method: str = "linear",
        source: Named = None,
        sizes: Any = None,
        repeats: int | None = None,
        test: str | Outcome | None = None,
        preset: str = presets.DEFAULT,
        seed: int = 1337,
        keep_weights: bool = False,
        retry_failed: bool = False,
        calibrate: str | None = None,
        init_seed: int | None = None,
        order_seed: int | None = None,
        hpo: int | None = None,
        hpo_scope: str = "draw",
        track: str | None = None,
        force: bool = False,
        **settings: Any,
    ) -> list[Outcome]:
        """Fits a small model on every draw, and tests it, as `sdc train` (settings: those of the method)."""
        arguments.makes(settings)
        running = replace(self._running(force), track=Tracker(track) if track is not None else None)
        config = train.configured(
            running, preset, method=method, settings=settings, seed=seed, keep_weights=keep_weights,
            retry_failed=retry_failed, calibrate=calibrate, init_seed=init_seed, order_seed=order_seed,
        )  # fmt: skip
        wanted: dict[str, Any] = {"sources": commas.parts(source), "sizes": arguments.sizes(sizes), "repeats": repeats}
        found = train_inputs.by_cell(self._pairs(keys, lang, task, "sample"), sources=wanted["sources"])

        if hpo is not None:
            cells_draws = [(cell, train_inputs.of(running, cell, samples, **wanted)) for cell, samples in found]
            search = tune.configured(config.student, flags=settings, trials=hpo, scope=hpo_scope, seed=seed)
            groups = [group for cell, draws in cells_draws for group in tune.groups(cell, draws)]
            made: list[Outcome] = []
            searches = tune.dry_run(running, search, groups) if self._look else []
            if self._look and not all(row["cached"] for row in searches):
                self._look.take(searches)
                return made
            for group, tuned in zip(groups, tune.run(running, search, groups), strict=True):
                chosen = replace(config, student=tuned.student, tuned_by=tuned.outcome.key)
                tested = self._test(group.cell, test)
                made += self._do(train, running, chosen, group.cell, draws=group.draws, test=tested)
            return made

        def one(cell: Cell, samples: Any) -> list[Outcome]:
            draws = train_inputs.of(running, cell, samples, **wanted)
            return self._do(train, running, config, cell, draws=draws, test=self._test(cell, test))

        return over(running, found, one)

    def icl(
        self,
        keys: Given = None,
        *,
        lang: Named = None,
        task: Named = None,
        source: str = "synthetic",
        sizes: Any = None,
        test: str | Outcome | None = None,
        preset: str = presets.DEFAULT,
        no_think: bool = False,
        force: bool = False,
        **settings: Any,
    ) -> list[Outcome]:
        """Lets an LLM classify the test rows, with shots or none, as `sdc icl` (settings: `IclConfig`)."""
        running = self._running(force)
        given = arguments.checked(settings, IclConfig)
        config = icl.configured(running, preset, no_think=no_think, **icl_inputs.ordered(given))

        def one(cell: Cell, artifact: Any) -> list[Outcome]:
            draws, too_small = icl_inputs.of(
                running, config, cell, artifact, source=source, sizes=arguments.sizes(sizes)
            )  # fmt: skip
            if too_small:
                raise too_small[0]
            return self._do(icl, running, config, cell, draws=draws, test=self._test(cell, test))

        return over(running, self._pairs(keys, lang, task, "sample"), one)

    def eval(
        self,
        keys: Given = None,
        *,
        lang: Named = None,
        task: Named = None,
        everything: bool = False,
        force: bool = False,
        **settings: Any,
    ) -> list[Outcome]:
        """Reads the answers of runs and computes metrics, as `sdc eval` (settings: `EvalConfig`).

        Args:
            keys: Runs; without, those on the newest samples and zero-shot, of all cells or of `lang` and `task`.
            lang, task: What the runs are of.
            everything: Also runs on older samples, on other tests and of older versions of sdc.
            force: Compute again.
            settings: `reader`.
        """
        running = self._running(force)
        config = evaluation.EvalConfig(**arguments.checked(settings, evaluation.EvalConfig))
        pairs = self._pairs(keys, lang, task, "train", "icl", otherwise_all=True)

        def one(cell: Cell, named: Sequence[Artifact]) -> list[Outcome]:
            runs = named or evaluation.find_runs(running, cell, everything=everything)
            return self._do(evaluation, running, config, [(cell, run) for run in runs])

        return over(running, inputs.by_cell(pairs), one)

    # -- what they have in common -----------------------------------------------------------------------------------

    def _do(self, stage: Any, *given: Any, **inputs: Any) -> list[Outcome]:
        """Runs a stage on one cell, or asks it what it would do."""
        if self._look:
            self._look(stage, *given, **inputs)
            return []
        made = stage.run(*given, **inputs)
        return [made] if isinstance(made, Outcome) else list(made)

    def _running(self, force: bool) -> Context:
        return replace(self._context, force=force)

    def _pairs(
        self, keys: Given, lang: Named, task: Named, *stages: str, otherwise_all: bool = False
    ) -> list[tuple[Cell, Artifact | None]]:
        return inputs.of(
            self._context, arguments.keys(keys), commas.parts(lang), commas.parts(task), stages=stages,
            otherwise_all=otherwise_all,
        )  # fmt: skip

    def _test(self, cell: Cell, key: str | Outcome | None) -> Artifact:
        return lineage.test_data(self._context, cell, arguments.key(key))
