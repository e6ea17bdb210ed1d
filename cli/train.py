"""`sdc train`: its flags."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import typer

from sdc.cache.counted import counted
from sdc.cache.store import Artifact
from sdc.cli import incomplete, options, render, train_settings
from sdc.cli.groups import Common, grouped
from sdc.cli.help import INPUT, OUTPUT
from sdc.cli.planned import Planned
from sdc.cli.train_settings import Settings
from sdc.pipelines import presets
from sdc.pipelines import train as stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.records import lineage
from sdc.pipelines.records.draws import Draw
from sdc.pipelines.stage import Context, Outcome
from sdc.pipelines.students import STUDENTS, calibrated
from sdc.pipelines.text import commas
from sdc.pipelines.train import TrainConfig, inputs, tune
from sdc.pipelines.train.tune import DrawGroup, TuneConfig

_MOST_SEED = 2**31 - 1  # as of the seeds that are derived


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which draws a student is fitted on, and the rows that it is tested on."""

    heading: ClassVar[str] = INPUT

    source: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE", help="synthetic, human, seeds, seeds+synthetic or human+synthetic; as --lang."),
    ] = None
    sizes: options.SizesOption = None
    repeats: Annotated[int | None, typer.Option(min=1, help="Only the first repeats of each size.")] = None
    test: options.TestOption = None


@dataclass(frozen=True, kw_only=True)
class RunSeeds:
    """The seeds of every run."""

    init_seed: Annotated[
        int | None,
        typer.Option(min=0, max=_MOST_SEED, help="Of untrained weights in every run. Default: by --seed and repeat."),
    ] = None
    order_seed: Annotated[
        int | None,
        typer.Option(min=0, max=_MOST_SEED, help="Of row order and dropout in every run. Default: as above."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """What is done beside one fit on each draw."""

    hpo: Annotated[
        int | None,
        typer.Option(min=1, help="finetune: first try so many sets of settings, on held-out rows."),
    ] = None
    hpo_scope: Annotated[
        str, typer.Option(metavar="SCOPE", help="draw: the best of each cell, source and size; all: of their mean.")
    ] = "draw"
    calibrate: Annotated[
        str | None,
        typer.Option(metavar="HOW", help="A bias per label from seeds: none, seeds, auto (two labels, quick student)."),
    ] = None
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Also fit runs that failed or are below chance with other seeds.")
    ] = False
    keep_weights: Annotated[
        bool, typer.Option("--keep-weights", help="Keep the fitted weights beside the store.", rich_help_panel=OUTPUT)
    ] = False
    track: options.TrackOption = None


@grouped
def train(
    keys: options.KeysArgument = None,
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    method: Annotated[
        str,
        typer.Option(
            is_eager=True,  # so that --help knows whose settings are asked for
            metavar="METHOD",
            help=f"The kind of student: {', '.join(STUDENTS)}.",
            rich_help_panel=train_settings.HEADING,
        ),
    ] = "linear",
    *,
    chosen: Chosen,
    settings: Settings,
    seeds: RunSeeds,
    fitting: Fitting,
    preset: options.PresetOption = presets.DEFAULT,
    seed: options.SeedOption = 1337,
    common: Common,
) -> None:
    """Fit a small model on every draw and keep what it says about the test rows.

    KEYs are samples; one run per draw. Without keys: the newest sample of each source for --lang and --task. A
    model may have settings of its own, which stand above a preset's (docs/models.md).

    Examples:
        sdc train --lang te --task topic
        sdc train --lang te --task topic --method finetune --model xlm-r-large --sizes all
        sdc train --method lora --help
    """
    context = common.context(track=fitting.track)
    sources, flags = commas.parts(chosen.source), vars(settings)
    config = stage.configured(
        context, preset, method=method, settings=flags, seed=seed, **vars(seeds),
        keep_weights=fitting.keep_weights, retry_failed=fitting.retry_failed, calibrate=fitting.calibrate,
    )  # fmt: skip
    found = inputs.by_cell(options.inputs(context, keys, lang, task, stages=("sample",)), sources=sources)
    with incomplete.Cells("train", total=len(found), as_json=common.as_json) as doing:
        wanted: list[tuple[Cell, list[Draw]]] = []
        for cell, samples in found:
            with doing.one(cell):
                sizes, repeats = commas.parts(chosen.sizes), chosen.repeats
                draws = inputs.of(context, cell, samples, sources=sources, sizes=sizes, repeats=repeats)
                wanted.append((cell, draws))
        parts: list[tuple[TrainConfig, Cell, list[Draw]]] = [(config, cell, draws) for cell, draws in wanted]
        if fitting.hpo is not None:
            tuning = tune.configured(
                config.student, flags=flags, trials=fitting.hpo, scope=fitting.hpo_scope, seed=config.seed
            )
            parts = _searched(context, config, tuning, wanted, doing.planned if common.dry_run else None)
        for number, (each, cell, draws) in enumerate(parts):
            with doing.again(cell, number, len(parts)):
                test = lineage.test_data(context, cell, chosen.test)
                if common.dry_run:
                    doing.planned.add(stage.dry_run(context, each, cell, draws=draws, test=test))
                else:
                    doing.done(_fit(context, each, cell, draws, test))


def _fit(context: Context, config: TrainConfig, cell: Cell, draws: Sequence[Draw], test: Artifact) -> list[Outcome]:
    """Returns the runs on some draws."""
    made = stage.run(context, config, cell, draws=draws, test=test)
    hits = sum(outcome.hit for outcome in made)
    failed = sum(outcome.summary.get("status") == "failed" for outcome in made)
    lost = f", {failed} failed" if failed else ""
    method = config.student.method
    render.note(f"train {cell}: {counted(len(made), 'run')} of {method}, {hits} already there{lost}")
    _say_bias(made, cell)
    return made


def _say_bias(made: Sequence[Outcome], cell: Cell) -> None:
    """Tells the bias of calibrated runs: of one run, or the mean over several on as many seed rows."""
    by_seeds: dict[int, list[list[float]]] = {}
    for outcome in made:
        if "bias" in outcome.summary:
            by_seeds.setdefault(outcome.summary["calibrated_on"], []).append(outcome.summary["bias"])
    for seeds, found in by_seeds.items():
        mean = [sum(values) / len(found) for values in zip(*found, strict=True)]
        which = "" if len(found) == 1 else f" on average over {counted(len(found), 'run')}"
        render.note(f"train {cell}: calibrated{which}: {calibrated.words(mean, cell.task.label_names, seeds=seeds)}")


def _searched(
    context: Context,
    config: TrainConfig,
    tuning: TuneConfig,
    wanted: Sequence[tuple[Cell, list[Draw]]],
    planned: Planned | None,
) -> list[tuple[TrainConfig, Cell, list[Draw]]]:
    """Returns what is fitted with which settings; nothing where a dry run plans searches that are still to do."""
    groups = [group for cell, draws in wanted for group in tune.groups(cell, draws)]
    if planned is not None and not _are_searched(context, tuning, groups, planned):
        return []
    return _tuned(context, config, tuning, groups)


def _tuned(
    context: Context, config: TrainConfig, tuning: TuneConfig, groups: Sequence[DrawGroup]
) -> list[tuple[TrainConfig, Cell, list[Draw]]]:
    """Returns the draws of each group with the settings that a search on them chose."""
    parts = []
    for group, found in zip(groups, tune.run(context, tuning, groups), strict=True):
        summary = found.outcome.summary
        chosen = ", ".join(f"{name} {value}" for name, value in summary["chosen"].items())
        gain = f"{summary['score']:.3f} on held-out rows, {summary['usual_score']:.3f} without a search"
        render.note(f"tune {group}: {chosen} ({gain}; {found.outcome.key[:12]})")
        parts.append((replace(config, student=found.student, tuned_by=found.outcome.key), group.cell, [*group.draws]))
    return parts


def _are_searched(context: Context, tuning: TuneConfig, groups: Sequence[DrawGroup], planned: Planned) -> bool:
    """Returns whether all searches are there, so that the runs are known; else plans them."""
    rows = tune.dry_run(context, tuning, groups)
    if all(row["cached"] for row in rows):
        return True
    planned.add(rows)
    fits = sum(row["trials"] * row["draws"] for row in rows if not row["cached"])
    runs = sum(len(group.draws) for group in groups)
    render.note(
        f"tune: {counted(fits, 'fit')} at most in {counted(len(rows), 'search', 'searches')},"
        f" then {counted(runs, 'run')} with what is chosen"
    )
    return False
