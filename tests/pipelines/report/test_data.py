"""report data: which rows a card is about, and what the store knows of them."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from scripted import World, add_data, add_import, unlike_any, world

from sdc.cache.store import Artifact
from sdc.errors import DataError, UsageError
from sdc.pipelines.progress import Step
from sdc.pipelines.report import card, data
from sdc.pipelines.report.card import Card
from sdc.pipelines.report.data import CardConfig
from sdc.pipelines.stage import plan


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(tmp_path, per_label=8)


def add_generation(made: World, texts: Sequence[str], *, seeds: Sequence[str] = (), salt: int = 0) -> Artifact:
    """Keeps a generation as gen does: seed rows first, then texts of both labels in turn, and a duplicate."""
    about = {"lang": made.cell.lang, "task": made.cell.task.name, "split": "train"}
    rows = [(text, 0, "human", "seed") for text in seeds]
    rows += [(text, i % 2, "synthetic", "ok") for i, text in enumerate(texts)]
    rows += [("a copy", 0, "synthetic", "duplicate")]
    examples = [
        {**about, "idx": i, "text": text, "label": label, "label_name": "first", "source": source, "status": status}
        for i, (text, label, source, status) in enumerate(rows)
    ]
    planned = plan(
        stage="gen", version=1, config={"salt": salt}, inputs=[made.train.key], lang=made.cell.lang,
        task=made.cell.task.name,
    )  # fmt: skip
    labels = {name: {"quota": 6, "accepted": 5} for name in made.cell.task.label_names}
    artifact = Artifact(**{**vars(planned), "summary": {"labels": labels, "model": "writer"}})
    made.store.put(artifact, {"examples": examples})
    return artifact


def add_judgement(made: World, generation: Artifact, *, rejected: Sequence[int]) -> Artifact:
    found = made.store.query(
        "select idx from examples where key = ? and source = 'synthetic' and status = 'ok'", [generation.key]
    )
    verdicts = [
        {"idx": idx, "example_key": generation.key, "accepted": idx not in rejected, "judged_by": "llm"}
        for (idx,) in found
    ]
    artifact = plan(
        stage="judge", version=1, config={}, inputs=[generation.key], lang=made.cell.lang, task=made.cell.task.name
    )
    made.store.put(artifact, {"verdicts": verdicts})
    return artifact


def run(made: World, artifact: Artifact, **settings: object) -> Card:
    return data.run(made.context, CardConfig(**settings), made.cell, artifact=artifact)  # type: ignore[arg-type]


def test_accepted_rows_and_all_rows(small: World) -> None:
    (seed,) = small.store.query("select text from examples where key = ? and idx = 0", [small.train.key])[0]
    generation = add_generation(small, [unlike_any(i) for i in range(10)] + [seed], seeds=[seed])
    judgement = add_judgement(small, generation, rejected=[1, 11])  # idx 0 is the seed, 11 the copy of it
    accepted = run(small, judgement)
    assert dict(accepted.rows) == {"synthetic": 9, "human": 16, "compared": 9, "test": 6, "seeds": 1}
    assert accepted.about["judgement"] == judgement.short and accepted.about["model"] == "writer"
    assert accepted.figure("seed_copies").details["rows"] == 0
    quota = accepted.figure("quota").synthetic
    assert quota is not None and quota.value == 9 / 12
    everything = run(small, judgement, all_rows=True)
    assert everything.rows["synthetic"] == 11 and "judgement" not in everything.about
    assert everything.figure("seed_copies").details["rows"] == 1
    same = [figure for figure in run(small, generation).figures if figure.name != "rejected"]
    assert same == [figure for figure in everything.figures if figure.name != "rejected"]


def test_human_rows_are_those_that_the_generator_saw(small: World) -> None:
    generation = add_generation(small, [unlike_any(i) for i in range(4)])
    add_data(small.store, small.cell, [(unlike_any(500 + i), i % 2) for i in range(40)])  # newer, and another set
    assert run(small, generation).about["human"] == small.train.short
    imported = add_import(small.store, small.cell, [(unlike_any(i), i % 2) for i in range(4)])
    found = run(small, imported)
    assert found.rows["human"] == 40 and "seeds" not in found.rows
    assert found.labels[0].quota == small.cell.task.quota


def test_every_test_set_of_the_cell_counts(small: World) -> None:
    """A student may be tested on the older one too: the judge's gate knows both, and so does the card."""
    generation = add_generation(small, [unlike_any(i) for i in range(8)])
    for first in (0, 4):  # of each test set two rows are among the synthetic ones
        add_data(small.store, small.cell, [(unlike_any(first + i), i % 2) for i in range(2)], split="test")
    found = run(small, generation)
    assert found.rows["test"] == 6 + 2 + 2 and len(found.about["test"].split(", ")) == 3
    assert found.figure("leaks").details["rows"] == 4
    assert found.figure("rejected").details["by_test"] == 4


def newest_keys(small: World, langs: list[str] | None, tasks: list[str] | None) -> list[str]:
    found = data.cells_of(small.context, langs, tasks)
    return [data.newest(small.context, cell).key for cell in found]


def test_the_newest_of_each_cell(small: World) -> None:
    first = add_generation(small, [unlike_any(i) for i in range(4)])
    judged = add_judgement(small, first, rejected=[])
    assert newest_keys(small, None, None) == [judged.key]
    second = add_generation(small, [unlike_any(i) for i in range(4)], salt=1)
    assert newest_keys(small, ["en"], None) == [second.key]
    small.store.touch([first.key])
    assert newest_keys(small, ["en"], None) == [judged.key]


def test_progress_is_told(small: World) -> None:
    told: list[Step] = []
    generation = add_generation(small, [unlike_any(i) for i in range(4)])
    context = type(small.context)(store=small.store, progress=told.append)
    data.run(context, CardConfig(), small.cell, artifact=generation)
    assert (told[-1].what, told[-1].position, told[-1].total) == ("card en/small", 1.0, len(card.MEASURES))


def test_what_is_missing_is_said(small: World, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no synthetic rows"):
        newest_keys(small, None, None)
    with pytest.raises(DataError, match=r"no gen artifact of te/topic; run `sdc gen --lang te --task topic`"):
        newest_keys(small, ["te"], ["topic"])
    with pytest.raises(UsageError, match="unknown language"):
        newest_keys(small, ["xx"], ["topic"])
    generation = add_generation(small, [unlike_any(0)])
    with pytest.raises(DataError, match="no synthetic rows of these"):
        newest_keys(small, ["te", "sw"], None)
    nothing = add_judgement(small, generation, rejected=[0])
    with pytest.raises(DataError, match="no synthetic accepted rows of en/small; --all-rows"):
        run(small, nothing)
    empty = world(tmp_path / "other")
    empty.store.put(generation, {})
    with pytest.raises(DataError, match="no synthetic rows of en/small"):
        run(empty, generation)
    empty.store.put(nothing, {})
    lost = Artifact(**{**vars(nothing), "inputs": ["0" * 64]})
    with pytest.raises(DataError, match="bring it with `sdc store merge`"):
        run(empty, lost)
