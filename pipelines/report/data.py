"""report data: the data card of synthetic rows beside human ones. It stores nothing: a card takes seconds.

Here: which rows are compared, and what the store knows of them. Not here: measures, conditions, formats (`card/`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sdc.cache.store import Artifact
from sdc.errors import DataError
from sdc.pipelines import cells
from sdc.pipelines.cells import Cell
from sdc.pipelines.progress import Step
from sdc.pipelines.records import examples, lineage
from sdc.pipelines.records.examples import ExampleRow
from sdc.pipelines.report import card
from sdc.pipelines.report.card import Card
from sdc.pipelines.report.card.sides import Example, Sides
from sdc.pipelines.stage import Context

FORMATS = ("table", "md", "json", "jsonl", "html")


@dataclass(frozen=True, kw_only=True)
class CardConfig:
    """What a card is about.

    Args:
        all_rows: Whether rows that a judge rejected count too. Default: only the accepted ones of a judgement.
        seed: Root of the choice of rows that are compared, and of folds.
    """

    all_rows: bool = False
    seed: int = 1337


def cells_of(context: Context, langs: Sequence[str] | None, tasks: Sequence[str] | None) -> list[Cell]:
    """Returns the cells of `--lang` and `--task`; where a flag is missing, those with synthetic rows.

    Raises:
        UsageError: An unknown language or task.
        DataError: None of the cells has synthetic rows.
    """
    context.store.must_exist()
    sql = "select distinct lang, task from artifacts where stage = 'gen' order by task, lang"
    there = context.store.query(sql)
    names = {(lang, task) for lang, task in there}
    if not there and not (langs and tasks):
        raise DataError("there are no synthetic rows", str(context.store.path), "run `sdc gen`, or try `sdc demo`")
    asked = cells.expand(
        context.store,
        langs or list(dict.fromkeys(lang for lang, _ in there)),
        tasks or list(dict.fromkeys(task for _, task in there)),
    )
    found = [c for c in asked if (langs and tasks and not c.of_all) or (c.lang, c.task.name) in names]
    if not found:
        fix = f"sdc gen --lang {asked[0].lang} --task {asked[0].task.name}"
        raise DataError("no synthetic rows of these languages and tasks", str(context.store.path), f"run `{fix}` first")
    return found


def newest(context: Context, cell: Cell) -> Artifact:
    """Returns the newest generation of a cell as it was judged last."""
    generation = lineage.newest_generation(context, cell)
    return lineage.newest_judgement(context, cell, generation) or generation


def run(context: Context, config: CardConfig, cell: Cell, *, artifact: Artifact | None = None) -> Card:
    """Returns the card of one generation or judgement.

    Args:
        context: Where the store is.
        config: What is compared.
        cell: The language and task of the artifact.
        artifact: The generation, or the judgement of one; None takes the newest generation as it was judged last.

    Raises:
        DataError: It has no rows, or the cell has no human train rows.
        UsageError: The labels of the task have changed since.
    """
    sides, about = gather(context, config, cell, artifact=artifact or newest(context, cell))
    return card.build(
        sides,
        about=about,
        done=lambda number: context.progress(
            Step(what=f"card {cell}", done=number, total=len(card.MEASURES), unit="measure")
        ),
    )


def gather(context: Context, config: CardConfig, cell: Cell, *, artifact: Artifact) -> tuple[Sides, dict[str, str]]:
    """Returns the two sides that a card compares, and where they come from: kind of artifact -> short key."""
    generation = artifact if artifact.stage == "gen" else context.store.get(artifact.inputs[0])
    if generation is None:
        what = f"the generation that judgement {artifact.short} is about is not in the store"
        raise DataError(what, str(context.store.path), "bring it with `sdc store merge`")
    lineage.check_labels(generation, cell)
    accepted = artifact.stage == "judge" and not config.all_rows
    rows = _synthetic(context, artifact if accepted else generation, accepted=accepted)
    if not rows:
        what = f"no synthetic {'accepted ' if accepted else ''}rows of {cell}"
        fix = "--all-rows takes those that were rejected too" if accepted else "see `sdc store show`"
        raise DataError(what, f"{artifact.stage} {artifact.short}", fix)
    data = lineage.train_data_of(context, generation) or _newest_train(context, cell)
    human, tests = _human(context, data) if data else (), lineage.all_test_data(context, cell)
    judgement = artifact if artifact.stage == "judge" else None
    about = {"generation": generation.short}
    about |= {"judgement": artifact.short} if accepted else {}
    about |= {"model": str(generation.summary["model"])} if generation.summary.get("model") else {}
    about |= ({"human": data.short} if data else {}) | (
        {"test": ", ".join(test.short for test in tests)} if tests else {}
    )
    sides = Sides(
        cell=cell,
        synthetic=rows,
        human=human,
        test=_test(context, tests) if tests else None,
        seeds=_seeds(context, generation),
        quotas=_quotas(generation, cell),
        seed=config.seed,
        verdicts=_judged(context, judgement) if judgement else None,
    )
    return sides, about


def _synthetic(context: Context, artifact: Artifact, *, accepted: bool) -> tuple[Example, ...]:
    """Returns the rows of a generation, or those that a judgement accepted."""
    if accepted:
        return _examples(examples.accepted_rows(context, artifact.key))
    return _examples(examples.ok_rows(context, artifact.key, "synthetic"))


def _human(context: Context, data: Artifact) -> tuple[Example, ...]:
    return _examples(examples.ok_rows(context, data.key, "human"))


def _examples(rows: Sequence[ExampleRow]) -> tuple[Example, ...]:
    return tuple(Example(text=text, label=label) for _, text, label in rows)


def _test(context: Context, tests: Sequence[Artifact]) -> tuple[str, ...]:
    """Returns the texts that the judge's gate `test` knows, in its order."""
    return tuple(text for _, text in examples.human_texts(context, [test.key for test in tests]))


def _seeds(context: Context, generation: Artifact) -> tuple[str, ...] | None:
    """Returns the texts that the generator was shown; None of rows made elsewhere, which do not say."""
    if generation.config.get("origin") == "import":
        return None
    return tuple(text for _, text, _ in examples.seed_rows(context, generation.key))


def _judged(context: Context, judgement: Artifact) -> tuple[tuple[str | None, str], ...]:
    """Returns of every row what rejected it and why; None if it was accepted."""
    sql = """select case when accepted then null else judged_by end, coalesce(reason, '') from verdicts
        where key = ? order by example_key, idx"""
    found = context.store.query(sql, [judgement.key])
    return tuple((by.removeprefix("gate:") if by else None, reason) for by, reason in found)


def _newest_train(context: Context, cell: Cell) -> Artifact | None:
    try:
        return lineage.newest_data(context, cell, split="train")
    except DataError:
        return None


def _quotas(generation: Artifact, cell: Cell) -> dict[int, int]:
    """Returns the rows asked for per label id, as the generation knows them; else the task's quota."""
    about = generation.summary.get("labels") or {}
    return {label.id: int((about.get(label.name) or {}).get("quota") or cell.task.quota) for label in cell.task.labels}
