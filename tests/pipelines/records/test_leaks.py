"""Leaks: counted as the gate `test` rejects, and the same wherever they are asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sdc.cache.store import Artifact, Store
from sdc.pipelines import gates
from sdc.pipelines.cells import Cell
from sdc.pipelines.gates.reference import Reference
from sdc.pipelines.records import leaks
from sdc.pipelines.records.leaks import Leak
from sdc.pipelines.tasks import languages, load

TRAIN = ["Play some music", "play  SOME music", "Wake me at seven tomorrow morning", "caf\u00e9", "new"]
TEST = ["PLAY SOME MUSIC", "wake me at seven tomorrow mornings", "Cafe\u0301", "other"]


def _numbered(texts: list[str]) -> list[tuple[int, str]]:
    return list(enumerate(texts, start=10))


def test_all_pairs_are_found_and_each_side_is_counted_once() -> None:
    found = leaks.find(_numbered(TRAIN), _numbered(TEST))
    assert found.pairs[:2] == tuple(Leak(row=row, test=10, similarity=1.0, exact=True) for row in (10, 11))
    near = found.pairs[2]
    assert (near.row, near.test, near.exact) == (12, 11, False) and 0.8 <= near.similarity < 1
    assert (found.leaked, found.exact, found.rows, found.num_test) == (3, 2, 4, 4)
    assert found.as_json() == {"test_rows": 4, "leaked": 3, "exact": 2, "rows": 4}
    assert str(found) == "3 of 4 test texts (75.0%, 2 word for word)"


def test_a_draw_is_a_part_of_the_rows() -> None:
    found = leaks.find(_numbered(TRAIN), _numbered(TEST)).among([11, 14])
    assert (found.leaked, found.rows, found.num_test, found.share) == (1, 1, 4, 0.25)


def test_nothing_leaks_where_there_is_nothing() -> None:
    assert leaks.find([], _numbered(TEST)).share == 0 and str(leaks.find(_numbered(TRAIN), [])).startswith("0 of 0")


def test_the_gate_rejects_the_same_rows() -> None:
    cell = Cell(language=languages.load("en"), task=load("topic"))
    gate = gates.GATES["test"]
    check = gate.build(Reference(cell=cell, test=TEST), gate.threshold)
    rejected = [idx for idx, text in _numbered(TRAIN) if check(text) is not None]
    assert rejected == sorted({pair.row for pair in leaks.find(_numbered(TRAIN), _numbered(TEST)).pairs})


def test_only_rows_that_a_student_sees_count(store: Store, make: Callable[..., Artifact]) -> None:
    def rows(items: list[tuple[str, str]]) -> dict[str, Any]:
        shared = {"lang": "te", "task": "topic", "label": 0, "source": "human"}
        return {"examples": [{**shared, "idx": i, "text": t, "status": s} for i, (t, s) in enumerate(items)]}

    train, test = make("gen", config={"a": 1}), make("data", config={"b": 1})
    store.put(train, rows([("one", "ok"), ("two", "seed"), ("three", "unlabelled"), ("four", "leak")]))
    store.put(test, rows([("ONE", "ok"), ("two", "ok"), ("three", "ok"), ("four", "ok"), ("one", "empty")]))
    found = leaks.between(store, rows=train.key, test=test.key)
    assert (found.leaked, found.num_test) == (2, 4)


def test_the_papers_data(paper_data: Path) -> None:
    import csv

    def read(name: str) -> list[tuple[int, str]]:
        with (paper_data / "intent" / name).open(encoding="utf-8", newline="") as file:
            return [(i, row["text"]) for i, row in enumerate(csv.DictReader(file))]

    found = leaks.find(read("sw-train_human_parsed.csv"), read("sw-test.csv"))
    assert (found.num_test, found.leaked, found.exact, found.rows) == (565, 49, 31, 80)
