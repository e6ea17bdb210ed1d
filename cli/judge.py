"""`sdc judge`: its flags."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from sdc.cache.counted import counted
from sdc.cli import incomplete, options, preview, render, review
from sdc.cli.groups import Asking, Common, grouped
from sdc.cli.help import MODEL, SAMPLING
from sdc.pipelines import judge as stage
from sdc.pipelines import presets
from sdc.pipelines.cells import Cell
from sdc.pipelines.records import lineage
from sdc.pipelines.stage import Outcome

#: Who is compared in the summary's `agreement`.
_SIDES = {"gates_llm": "gates and LLM", "label_yes": "label check and yes or no"}


@dataclass(frozen=True, kw_only=True)
class Judging:
    """How texts are judged."""

    heading: ClassVar[str] = "Verdicts"

    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="The judge. Default: the model that wrote the texts.", rich_help_panel=MODEL
        ),
    ] = None
    gates: Annotated[bool | None, typer.Option("--gates/--no-gates", help="Deterministic gates before the LLM.")] = None
    gates_only: Annotated[bool, typer.Option("--gates-only", help="Only the gates; needs no model.")] = False
    threshold: Annotated[float | None, typer.Option(help="The least probability of yes that accepts.")] = None
    label_threshold: Annotated[
        float | None, typer.Option(help="The least probability of its label by the LLM; 0: not asked.")
    ] = None
    votes: Annotated[
        int | None,
        typer.Option(min=1, help="How often it is asked each question; odd, 1 is greedy.", rich_help_panel=SAMPLING),
    ] = None
    temperature: Annotated[float | None, typer.Option(help="Of several votes.", rich_help_panel=SAMPLING)] = None
    judge_all: Annotated[
        bool, typer.Option("--judge-all", help="Ask it about every text, to see how far it and the gates agree.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class Reviewing:
    """What people judge, in place of a model."""

    heading: ClassVar[str] = "People as judges"

    review_sheet: Annotated[
        Path | None,
        typer.Option(metavar="OUT.html", help="Ask no model: write a page on which people review a sample of texts."),
    ] = None
    review_import: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE...", help="Ask no model: make what people saved on such pages a judgement."),
    ] = None
    reviewer: Annotated[
        str | None, typer.Option(metavar="NAME", help="The name on the page; or in place of the one in the file.")
    ] = None
    sample_size: Annotated[int | None, typer.Option(min=1, help="Texts per label on the page. Default: 20.")] = None


@grouped
def judge(
    keys: options.KeysArgument = None,
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    *,
    judging: Judging,
    reviewing: Reviewing,
    asking: Asking,
    preset: options.PresetOption = presets.DEFAULT,
    seed: options.SeedOption = 1337,
    common: Common,
) -> None:
    """Accept or reject synthetic examples, with a reason for each rejection.

    KEYs are generations. Without keys: the newest generation of --lang and --task. People judge with --review-sheet,
    whose KEY may also be a judgement, and --review-import, after which more FILEs may follow.

    Examples:
        sdc judge --lang te --task topic
        sdc judge --lang te --task topic --gates-only
        sdc judge --lang te --task topic --review-sheet page.html
        sdc judge --review-import anna.json ravi.json
    """
    if reviewing.review_sheet is not None or reviewing.review_import:
        review.command(
            keys, lang, task, sheet=reviewing.review_sheet, files=reviewing.review_import,
            reviewer=reviewing.reviewer, sample_size=reviewing.sample_size,
            store=common.store, seed=seed, force=common.force, dry_run=common.dry_run, as_json=common.as_json,
        )  # fmt: skip
        return
    context = common.context(asking)
    flags = vars(judging) | {"seed": seed}
    if flags.pop("gates_only"):
        flags |= {"gates": True, "llm": False}
    config = stage.configured(context, preset, no_think=asking.no_think, **flags)
    pairs = options.inputs(context, keys, lang, task, stages=("gen",))
    with incomplete.Cells("judge", total=len(pairs), as_json=common.as_json) as doing:
        for cell, artifact in pairs:
            with doing.one(cell):
                generation = artifact or lineage.newest_generation(context, cell)
                if artifact is None:
                    render.note(f"{cell}: judges generation {generation.short}")
                if asking.preview:
                    found = stage.preview(context, config, cell, generation, most=asking.preview)
                    preview.show(cell, found, as_json=common.as_json)
                    continue
                if common.dry_run:
                    doing.planned.add(stage.dry_run(context, config, cell, generation))
                    continue
                outcome = stage.run(context, config, cell, generation=generation)
                _report(cell, outcome)
                doing.done([outcome])


def _report(cell: Cell, outcome: Outcome) -> None:
    rejected = ", ".join(f"{n} by {name}" for name, n in outcome.summary["rejected"].items()) or "none"
    counts = f"{outcome.summary['accepted']} of {outcome.summary['rows']} accepted; rejected: {rejected}"
    render.summary(f"judge {cell}", outcome, counts)
    _notes(cell, outcome.summary)


def _notes(cell: Cell, summary: Mapping[str, Any]) -> None:
    """Says what a user has to know beyond the counts: texts without an answer, and how far the judges agree."""
    unanswered = summary.get("unanswered", 0)
    if unanswered:
        render.note(f"judge {cell}: no answer to {unanswered} of {counted(summary['rows'], 'text')}, so not accepted")
    for sides, table in summary.get("agreement", {}).items():
        agree = table["both_accept"] + table["both_reject"]
        total = sum(count for name, count in table.items() if name != "kappa")
        kappa = "undefined" if table["kappa"] is None else f"{table['kappa']:.2f}"
        render.note(
            f"judge {cell}: {_SIDES[sides]} agree on {agree} of {counted(total, 'text')}, Cohen's kappa {kappa}"
        )
