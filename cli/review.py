"""`sdc judge --review-sheet` and `--review-import`: people judge.

Here: what the two flags do with the others, and what is said about the result. Not here: the page and the judgement
(`pipelines/judge/review/`).
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sdc.cache.counted import counted
from sdc.cli import options, render
from sdc.cli.planned import Planned
from sdc.errors import UsageError
from sdc.pipelines import cells, stage
from sdc.pipelines.judge.review import form, judgement, page
from sdc.pipelines.judge.review import sheet as review_sheet
from sdc.pipelines.records import lineage
from sdc.pipelines.stage import Context, Outcome

_JUDGES = {"gates": "the gates", "llm": "the LLM", "both": "the judge"}


def command(
    keys: Sequence[str] | None,
    lang: Sequence[str] | None,
    task: Sequence[str] | None,
    *,
    sheet: Path | None,
    files: Sequence[Path] | None,
    reviewer: str | None,
    sample_size: int | None,
    store: Path | None,
    seed: int,
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Writes a page, or takes back what was saved on pages."""
    context = options.context(store, force=force)
    if sheet is not None:
        hand_out(
            context, keys, lang, task, out=sheet, reviewer=reviewer, sample_size=sample_size, seed=seed,
            dry_run=dry_run, as_json=as_json,
        )  # fmt: skip
        return
    # A shell makes `--review-import *.json` one flag with one file, and arguments of the others.
    paths = [*(files or []), *map(Path, keys or [])]
    take_back(context, paths, lang, task, reviewer=reviewer, dry_run=dry_run, as_json=as_json)


def hand_out(
    context: Context,
    keys: Sequence[str] | None,
    lang: Sequence[str] | None,
    task: Sequence[str] | None,
    *,
    out: Path,
    reviewer: str | None,
    sample_size: int | None,
    seed: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Writes the review page of one cell, and the key of what is reviewed to stdout.

    Raises:
        UsageError: The flags mean several cells, or `out` is some other file.
        DataError: There is nothing to review, or the page cannot be written.
    """
    pairs = options.inputs(context, keys, lang, task, stages=("gen", "judge"))
    if len(pairs) != 1:
        raise UsageError(f"a sheet is of one language and task, not of {len(pairs)}", "--review-sheet", "name one")
    cell, artifact = pairs[0]
    size = sample_size or review_sheet.SAMPLE_SIZE
    made = review_sheet.choose(
        context,
        cell,
        artifact or lineage.newest_generation(context, cell),
        sample_size=size,
        seed=seed,
    )
    base = made.judgement or made.generation
    counts = dict.fromkeys(cell.task.label_names, 0)
    for row in made.rows:
        counts[cell.task.label_names[row.label]] += 1
    about = {"sheet": str(out), "reviews": base.stage, "rows": len(made.rows), "labels": counts}
    if dry_run:
        Planned([{"key": base.short, "cell": str(cell), **about}]).show(as_json=as_json)
        return
    text = page.render(made, reviewer=form.check_name(reviewer) if reviewer else "")
    page.write(out, text, force=context.force)
    render.note(f"{cell}: {counted(len(made.rows), 'text')} of {base.stage} {base.short} in {out}")
    short = [f"{name} ({count})" for name, count in counts.items() if count < size]
    if short:
        render.note(f"{cell}: there are no more texts of {', '.join(short)}")
    render.note("open it in any browser, or mail it; `sdc judge --review-import FILE` takes what people save")
    render.emit([Outcome(key=base.key, hit=True, summary=about)], as_json=as_json)


def take_back(
    context: Context,
    files: Sequence[Path],
    lang: Sequence[str] | None,
    task: Sequence[str] | None,
    *,
    reviewer: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Makes judgements of saved reviews, and writes their keys to stdout.

    Raises:
        UsageError: A name that does not fit, a person twice, or another cell than --lang and --task.
        DataError: A file that cannot be used; then nothing is kept.
    """
    if reviewer and len(files) > 1:
        raise UsageError(
            f"{counted(len(files), 'review')} cannot all be by {reviewer}", "--reviewer", "import them one by one"
        )
    plans = judgement.plan(context, [form.read(file, reviewer=reviewer) for file in files])
    if lang or task:
        found = [planned.reviewed.cell for planned in plans]
        tags, names = lang or [cell.lang for cell in found], task or [cell.task.name for cell in found]
        wanted = {str(cell) for cell in cells.expand(context.store, tags, names)}
        for cell in found:
            if str(cell) not in wanted:
                raise UsageError(f"a review is of {cell}", "--review-import", "leave out --lang and --task")
    if dry_run:
        there = stage.are_there(context, [planned.judgement.key for planned in plans])
        rows = [
            {"key": planned.judgement.short, "stage": "judge", "cell": str(planned.reviewed.cell),
             "reviewers": planned.reviewed.people, "cached": planned.judgement.key in there}
            for planned in plans
        ]  # fmt: skip
        Planned(rows).show(as_json=as_json)
        return
    outcomes = judgement.keep(context, plans)
    for planned, outcome in zip(plans, outcomes, strict=True):
        cell, review = planned.reviewed.cell, outcome.summary["review"]
        render.summary(f"judge {cell}", outcome, _counts(review))
        for line in _agreement(review["agreement"]):
            render.note(f"judge {cell}: {line}")
        others = judgement.others(context, planned)
        if others:
            names = ", ".join(others)
            render.note(f"judge {cell}: {names} reviewed these texts too; give all files at once to count all votes")
    render.emit(outcomes, as_json=as_json)


def _counts(review: Mapping[str, Any]) -> str:
    people = " and ".join(review["people"])
    counts = f"{review['accepted']} accepted, {review['changed']} changed, {review['rejected']} rejected"
    rest = f"; {review['as_before']} keep the verdict they had" if review["as_before"] else ""
    return f"{counted(review['decided'], 'text')} decided by {people}: {counts}{rest}"


def _agreement(found: Mapping[str, Any]) -> Iterator[str]:
    for pair in found["reviewers"]:
        yield _pair(" and ".join(pair["between"]), pair)
    if "alpha" in found:
        value = found["alpha"]
        yield f"all reviewers: Krippendorff's alpha {'is not defined' if value is None else f'{value:.2f}'}"
    for pair in found["judge"]:
        alone = f"; alone it accepts {pair['judge_accepts']} and rejects {pair['judge_rejects']}"
        yield _pair(f"{pair['reviewer']} and {_JUDGES[pair['judge']]}", pair) + (alone if pair["rows"] else "")


def _pair(who: str, pair: Mapping[str, Any]) -> str:
    if not pair["rows"]:
        return f"{who} have no text in common"
    kappa = "kappa is not defined" if pair["kappa"] is None else f"kappa {pair['kappa']:.2f}"
    return f"{who} agree on {100 * pair['agree']:.0f} % of {pair['rows']} texts, {kappa}"
