"""`sdc sample`: its flags."""

from typing import Annotated

import typer

from sdc.cache.store import Artifact
from sdc.cli import options, render
from sdc.pipelines import lineage, presets
from sdc.pipelines import sample as stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.stage import Context, are_there


def sample(
    keys: options.KeysArgument = None,
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    source: Annotated[
        list[str] | None, typer.Option(help="synthetic, human, seeds or seeds+synthetic; as --lang.")
    ] = None,
    sizes: Annotated[
        str | None, typer.Option(help="Nominal sizes: 10,100,all. Default: the paper's grid and all.")
    ] = None,
    repeats: Annotated[int | None, typer.Option(min=1, help="Draws per size.")] = None,
    strategy: Annotated[str | None, typer.Option(help="balanced or random.")] = None,
    store: options.StoreOption = None,
    preset: options.PresetOption = presets.DEFAULT,
    seed: options.SeedOption = 1337,
    force: options.ForceOption = False,
    dry_run: options.DryRunOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Draw training sets of several sizes, balanced and nested, from accepted synthetic or from human examples.

    KEYs are judgements, generations or human train data. Without keys: the newest of --lang and --task.
    """
    context = options.context(store, force=force)
    outcomes = []
    wanted = [part.strip() for item in source or [] for part in item.split(",") if part.strip()]
    for cell, artifact in options.inputs(context, keys, lang, task, stages=("judge", "gen", "data")):
        default = ["human"] if artifact is not None and artifact.stage == "data" else ["synthetic"]
        for name in wanted or default:
            settings = presets.merged(
                presets.load(preset, "sample", task=cell.task.name),
                source=name,
                sizes=[part.strip() for part in sizes.split(",") if part.strip()] if sizes is not None else None,
                repeats=repeats,
                strategy=strategy,
                seed=seed,
            )
            config = stage.SampleConfig(**{**settings, "sizes": tuple(settings["sizes"])})
            examples = artifact or _newest(context, cell, name)
            if dry_run:
                planned = stage.plan(config, cell, examples)
                row = {"key": planned.short, "stage": "sample", "cell": str(cell), "source": name,
                       "cached": bool(are_there(context, [planned.key]))}  # fmt: skip
                render.plan_lines([row], as_json=as_json)
                continue
            outcome = stage.run(context, config, cell, examples=examples)
            real = ", ".join(f"{size}={rows}" for size, rows in outcome.summary["real_sizes"].items())
            render.summary(f"sample {cell} {name}", outcome, f"{outcome.summary['repeats']} x rows {real}")
            outcomes.append(outcome)
    render.emit(outcomes, as_json=as_json)


def _newest(context: Context, cell: Cell, source: str) -> Artifact:
    """Returns the newest fitting input: train data for human rows, else the newest generation as judged last."""
    if source == "human":
        return lineage.newest_data(context, cell, split="train")
    generation = lineage.newest_generation(context, cell)
    judgement = lineage.newest_judgement(context, cell, generation)
    if judgement is not None:
        render.note(f"{cell}: draws from judgement {judgement.short}")
        return judgement
    render.note(f"{cell}: draws from generation {generation.short}, which nobody has judged")
    return generation
