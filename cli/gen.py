"""`sdc gen`: its flags."""

from collections import Counter
from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from sdc.cache.counted import counted
from sdc.cache.store import Artifact
from sdc.cli import incomplete, model_options, options, preview, render
from sdc.cli.groups import Asking, Common, grouped
from sdc.cli.help import SAMPLING
from sdc.pipelines import gen as stage
from sdc.pipelines import judge, presets
from sdc.pipelines.cells import Cell
from sdc.pipelines.gen import inputs
from sdc.pipelines.gen.config import MOST_ROUNDS, GenConfig
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.stage import Context, Outcome


@dataclass(frozen=True, kw_only=True)
class Writing:
    """How texts are written."""

    heading: ClassVar[str] = "Texts"

    model: model_options.AskedModelOption = None
    quota: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="New texts per label. Default: the task's.")
    ] = None
    num_texts: Annotated[int | None, typer.Option(min=1, help="Texts asked for in one call.")] = None
    num_seeds: Annotated[int | None, typer.Option(min=0, help="Human examples per label that it is shown.")] = None
    label_style: Annotated[
        str | None, typer.Option(metavar="STYLE", help="Name labels by: name, explanation or both.")
    ] = None
    near_duplicate: Annotated[float | None, typer.Option(help="5-gram Jaccard of a copy; above 1: equal.")] = None
    gates: Annotated[bool | None, typer.Option("--gates/--no-gates", help="Only texts that pass the gates count.")] = (
        None
    )
    incentive: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="For diversity: none, taboo, hints, chain or auto."),
    ] = None
    temperature: Annotated[float | None, typer.Option(min=0, help="0 is greedy.", rich_help_panel=SAMPLING)] = None
    top_p: Annotated[float | None, typer.Option(help="Nucleus, in (0, 1].", rich_help_panel=SAMPLING)] = None
    repetition_penalty: Annotated[float | None, typer.Option(help="1 is none.", rich_help_panel=SAMPLING)] = None
    reply_tokens: Annotated[
        int | None, typer.Option(min=1, help="The most tokens of one reply.", rich_help_panel=SAMPLING)
    ] = None


@dataclass(frozen=True, kw_only=True)
class Turns:
    """Whether texts are written again for what was rejected."""

    heading: ClassVar[str] = "Texts"

    top_up: Annotated[
        bool, typer.Option("--top-up", help="Keep what the newest judgement accepted; write what is short.")
    ] = False
    until_accepted: Annotated[
        bool, typer.Option("--until-accepted", help="Judge and top up in turns; prints the last judgement's key.")
    ] = False
    rounds: Annotated[
        int | None,
        typer.Option(min=1, help=f"The most rounds of --until-accepted. Default: {MOST_ROUNDS}."),
    ] = None
    judge_model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="The judge of --until-accepted. Default: the generator.")
    ] = None


@grouped
def gen(
    keys: options.KeysArgument = None,
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    *,
    writing: Writing,
    again: Turns,
    asking: Asking,
    preset: options.PresetOption = presets.DEFAULT,
    seed: options.SeedOption = 1337,
    common: Common,
) -> None:
    """Write synthetic examples with an LLM, from a few human examples per label.

    KEYs are human train data, or judgements to top up. Without keys: the newest train data of --lang and --task. A
    model may have sampling settings of its own, which stand above a preset's (docs/models.md).

    Examples:
        sdc gen --lang te --task topic --model llama-3.1-8b
        sdc gen --lang te,sw --task all --quota 100 --dry-run
        sdc gen --lang te --task topic --until-accepted --max-calls 500
    """
    context = common.context(asking)
    flags = {**vars(writing), "seed": seed}
    flags["max_tokens"] = flags.pop("reply_tokens")
    judging = judge.configured(context, preset, model=again.judge_model, seed=seed)
    pairs = options.inputs(context, keys, lang, task, stages=("data", "judge"))
    with incomplete.Cells("gen", total=len(pairs), as_json=common.as_json) as doing:
        for cell, artifact in pairs:
            with doing.one(cell):
                config = stage.configured(context, preset, no_think=asking.no_think, **flags)
                data, judgement = inputs.of(context, cell, artifact, top_up=again.top_up)
                if writing.num_seeds is not None:
                    stage.check_seeds(context, config, cell, data=data)
                if asking.preview:
                    found = stage.preview(context, config, cell, data=data, judgement=judgement, most=asking.preview)
                    preview.show(cell, found, as_json=common.as_json)
                elif common.dry_run:
                    doing.planned.add(stage.dry_run(context, config, cell, data=data, judgement=judgement))
                    if again.until_accepted:
                        most = again.rounds or MOST_ROUNDS
                        render.note(f"{cell}: this is the first of up to {most} rounds, each of which is judged")
                elif again.until_accepted:
                    most = again.rounds or MOST_ROUNDS
                    doing.done([_until_accepted(context, config, judging, cell, data, judgement, most=most)])
                else:
                    outcome = stage.run(context, config, cell, data=data, judgement=judgement)
                    _report(cell, outcome)
                    doing.done([outcome])


def _until_accepted(
    context: Context,
    config: GenConfig,
    judging: JudgeConfig,
    cell: Cell,
    data: Artifact | None,
    judgement: Artifact | None,
    *,
    most: int,
) -> Outcome:
    """Returns the last judgement."""
    from sdc.pipelines.run import until_accepted as turns

    made: turns.Round | None = None
    for made in turns.rounds(context, config, judging, cell, data=data, judgement=judgement, most=most):
        _report(cell, made.generation)
        judged = made.judgement.summary
        counts = f"{judged['accepted']} of {judged['rows']} accepted in round {made.number}"
        render.summary(f"judge {cell}", made.judgement, counts)
    assert made is not None
    for name, reason in made.ended.items():
        render.note(f"  ended short of the quota: {name}: {made.accepted[name]} accepted, {reason}")
    for name in made.open:
        why = "the last round wrote nothing new" if made.nothing_new else f"round {made.number} was the last"
        render.note(f"  still short of the quota: {name}: {made.accepted[name]} accepted; {why}")
    return made.judgement


def _report(cell: Cell, outcome: Outcome) -> None:
    summary = outcome.summary
    statuses = ", ".join(f"{n} {status}" for status, n in sorted(summary["statuses"].items()))
    by = ", ".join(f"{n} with {name}" for name, n in summary["incentives"].items() if name != "none" and n)
    text = f"{counted(summary['ok'], 'text')} ({statuses}) by {summary['model']}{f'; {by}' if by else ''}"
    render.summary(f"gen {cell}", outcome, text)
    for line in stage.short_labels(summary):
        render.note(f"  short of the quota: {line}")
    for name, item in summary["labels"].items():
        if item["explained_by"] == "task":
            times = Counter(item["explanation_problems"])
            problems = "; ".join(f"{what}{f' ({num} times)' if num > 1 else ''}" for what, num in times.items())
            render.note(f"  the task's own description of {name} is used: {problems}")
