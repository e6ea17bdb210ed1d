"""`sdc icl`: its flags."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from sdc.cache.counted import counted
from sdc.cli import incomplete, model_options, options, preview, render
from sdc.cli.groups import Asking, Common, grouped
from sdc.cli.help import INPUT
from sdc.errors import UsageError
from sdc.pipelines import icl as stage
from sdc.pipelines import presets
from sdc.pipelines.icl import inputs
from sdc.pipelines.records import lineage
from sdc.pipelines.records.draws import check_source
from sdc.pipelines.text import commas


@dataclass(frozen=True, kw_only=True)
class Prompting:
    """What the model is asked."""

    heading: ClassVar[str] = "Prompts"

    model: model_options.AskedModelOption = None
    shots: Annotated[
        int | None, typer.Option(min=0, max=100, help="Examples per label in the prompt; 0 needs none.")
    ] = None
    shot_strategy: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="balanced, random, or nearest to each test row."),
    ] = None
    option_order: Annotated[
        str | None, typer.Option(metavar="ORDER", help="Labels as in the task, or shuffled by the seed of the shots.")
    ] = None
    select: Annotated[
        str | None,
        typer.Option(metavar="SHOTS", help="Choose --shots among these on held-out rows of the draw: 0,2,5,10."),
    ] = None
    dev_rows: Annotated[int | None, typer.Option(min=1, help="The most rows that --select holds out.")] = None
    decoding: Annotated[
        str | None, typer.Option(metavar="HOW", help="scores (likelihood of each label) or generate.")
    ] = None
    reply_tokens: Annotated[int | None, typer.Option(min=1, help="The most tokens of a generated answer.")] = None


@dataclass(frozen=True, kw_only=True)
class ShotRows:
    """Where shots come from, and the rows that are classified."""

    source: Annotated[
        str,
        typer.Option(
            metavar="SOURCE",
            help="Of shots: synthetic, human, seeds, seeds+synthetic.",
            rich_help_panel=INPUT,
        ),
    ] = "synthetic"
    sizes: options.SizesOption = None
    test: options.TestOption = None


@grouped
def icl(
    keys: options.KeysArgument = None,
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    *,
    prompting: Prompting,
    shots: ShotRows,
    asking: Asking,
    preset: options.PresetOption = presets.DEFAULT,
    seed: options.SeedOption = 1337,
    common: Common,
) -> None:
    """Let an LLM classify the test rows with examples in the prompt, or zero-shot.

    KEYs are samples; one run per draw. Without keys: the newest sample of --source for --lang and --task.

    Examples:
        sdc icl --lang te --task topic --model llama-3.1-8b --shots 2 --sizes all
        sdc icl --lang te --task topic --model api:my-model --server http://localhost:8000/v1 --shots 0
    """
    context = common.context(asking)
    check_source(shots.source)
    flags = inputs.ordered({**vars(prompting), "seed": seed})
    flags["max_tokens"] = flags.pop("reply_tokens")
    flags["select"] = _numbers(prompting.select) if prompting.select else None
    config = stage.configured(context, preset, no_think=asking.no_think, **flags)
    wanted = commas.parts(shots.sizes)
    pairs = options.inputs(context, keys, lang, task, stages=("sample",))
    with incomplete.Cells("icl", total=len(pairs), as_json=common.as_json) as doing:
        for cell, artifact in pairs:
            with doing.one(cell):
                test_data = lineage.test_data(context, cell, shots.test)
                draws, too_small = inputs.of(context, config, cell, artifact, source=shots.source, sizes=wanted)
                for error in too_small:
                    doing.lacks(cell, error)
                if config.uses_draws and not draws:
                    continue
                if asking.preview:
                    seen = stage.preview(context, config, cell, draws=draws, test=test_data, most=asking.preview)
                    preview.show(cell, seen, as_json=common.as_json)
                    continue
                if common.dry_run:
                    doing.planned.add(stage.dry_run(context, config, cell, draws=draws, test=test_data))
                    continue
                found = stage.run(context, config, cell, draws=draws, test=test_data)
                hits = sum(outcome.hit for outcome in found)
                shown = "chosen shots" if config.select else counted(config.shots, "shot")
                failed = sum(outcome.summary.get("status") == "failed" for outcome in found)
                there = f"{hits} already there" + (f", {failed} failed" if failed else "")
                render.note(f"icl {cell}: {counted(len(found), 'run')} of {config.model}, {shown}, {there}")
                doing.done(found)


def _numbers(text: str) -> tuple[int, ...]:
    parts = commas.parts(text)
    if not parts or not all(part.isascii() and part.isdecimal() and len(part) <= 3 for part in parts):
        raise UsageError(f"{text[:80]!r} are no numbers of shots", "--select", "give them as 0,2,5,10")
    return tuple(map(int, parts))
