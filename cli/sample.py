"""`sdc sample`: its flags."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from sdc.cli import incomplete, options, render
from sdc.cli.groups import Common, grouped
from sdc.cli.help import INPUT
from sdc.errors import UsageError
from sdc.pipelines import presets
from sdc.pipelines import sample as stage
from sdc.pipelines.records import lineage
from sdc.pipelines.sample import inputs
from sdc.pipelines.sample.config import has_seeds
from sdc.pipelines.sample.strategies import STRATEGIES
from sdc.pipelines.text import commas


@dataclass(frozen=True, kw_only=True)
class RowChoice:
    """Which rows stand in a draw, and what they count."""

    heading: ClassVar[str] = "Draws"

    sizes: Annotated[
        str | None,
        typer.Option(
            metavar="SIZES", help="Nominal sizes: 10,100,all; drawn or refused. Else those that fit are drawn."
        ),
    ] = None
    repeats: Annotated[int | None, typer.Option(min=1, help="Draws per size.")] = None

    strategy: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"How rows are chosen: {', '.join(STRATEGIES)}."),
    ] = None
    seed_weight: Annotated[
        float | None, typer.Option(help="What a seed counts in the loss beside a synthetic row.")
    ] = None
    encoder: Annotated[
        str | None, typer.Option(metavar="MODEL", help="kcentre: the encoder. Default: the probe's.")
    ] = None
    seeds_from: Annotated[
        str | None,
        typer.Option(metavar="WHENCE", help="Seeds are what was shown: generation; or chosen now from: human."),
    ] = None
    per_label: Annotated[
        int | None, typer.Option(min=1, help="Seeds per label of --seeds-from human. Default: 10.")
    ] = None


@grouped
def sample(
    keys: options.KeysArgument = None,
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE",
            help="synthetic, human, seeds, seeds+synthetic or human+synthetic; as --lang.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    preset: options.PresetOption = presets.DEFAULT,
    seed: options.SeedOption = 1337,
    *,
    choice: RowChoice,
    common: Common,
) -> None:
    """Draw training sets of several sizes, balanced and nested, from accepted synthetic or from human examples.

    KEYs are judgements, generations or human train data. Without keys: the newest of --lang and --task.

    Examples:
        sdc sample --lang te --task topic
        sdc sample --lang te --task topic --source synthetic,human --sizes 50,100,all
    """
    context = common.context()
    wanted = commas.parts(source)
    if choice.per_label is not None and choice.seeds_from != "human":
        raise UsageError("it says how many seeds are taken from human data", "--per-label", "add --seeds-from human")
    flags = {
        **vars(choice), "sizes": commas.parts(choice.sizes) if choice.sizes is not None else None,
        "exact": True if choice.sizes is not None else None, "seed": seed,
    }  # fmt: skip
    work = [
        (cell, artifact, name)
        for cell, artifact in options.inputs(context, keys, lang, task, stages=("judge", "gen", "data"))
        for name in wanted or ["human" if artifact is not None and artifact.stage == "data" else "synthetic"]
    ]
    weighted = any(has_seeds(name) for *_, name in work)  # else the weight is refused
    drawn = False
    with incomplete.Cells("sample", total=len(work), as_json=common.as_json) as doing:
        for cell, artifact, name in work:
            with doing.one(cell, name):
                own = flags if has_seeds(name) or not weighted else {**flags, "seed_weight": None}
                config = stage.configured(context, preset, task=cell.task.name, source=name, **own)
                examples, human = inputs.of(context, config, cell, artifact)
                if common.dry_run:
                    doing.planned.add(stage.dry_run(context, config, cell, examples=examples, human=human))
                    continue
                outcome = stage.run(context, config, cell, examples=examples, human=human)
                real = ", ".join(f"{size}={rows}" for size, rows in outcome.summary["real_sizes"].items())
                render.summary(f"sample {cell} {name}", outcome, f"{outcome.summary['repeats']} x rows {real}")
                doing.done([outcome])
                drawn = True
        if drawn and (untested := lineage.without_test(context, [cell for cell, _, _ in work])):
            render.note(untested)
