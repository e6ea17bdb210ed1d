"""`report generators`: who mislabels is last, without a human test and with one."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report_store import Shelf, put

from sdc.cache.store import Store
from sdc.errors import DataError
from sdc.pipelines import cells
from sdc.pipelines.report import generators
from sdc.pipelines.stage import Context

_WORDS = (("rain", "storm", "sunny", "cloudy"), ("goal", "match", "player", "referee"))
_FILLER = ["the", "a", "of", "on", "in", "at", "it", "was", "some", "very", "quite", "then"]


def _rows(name: str, *, wrong: float, source: str = "synthetic", split: str = "train") -> list[dict[str, Any]]:
    """Forty texts of each of two labels, of which a share has the other label."""
    chance = random.Random(name)
    rows = []
    for i in range(80):
        label = i % 2
        words = [chance.choice(_WORDS[label]), *chance.sample(_FILLER, 4), str(i), name]
        said = 1 - label if chance.random() < wrong else label
        about = {"lang": "en", "task": "sarcasm", "source": source, "split": split, "status": "ok"}
        rows.append({"idx": i, "text": " ".join(words), "label": said, **about})
    return rows


def _store(tmp_path: Path, *, names: tuple[tuple[str, float], ...], human: bool) -> Context:
    shelf = Shelf(Store(tmp_path / "s.duckdb"))
    for name, wrong in names:
        put(shelf, "gen", name, "en", "sarcasm", {"model": name}, examples=_rows(name, wrong=wrong))
    if human:
        put(shelf, "data", "test", "en", "sarcasm", {"split": "test"},
            examples=_rows("people", wrong=0, source="human", split="test"))  # fmt: skip
    shelf.flush()
    return Context(store=shelf.store)


def _cell(context: Context) -> cells.Cell:
    return cells.expand(context.store, ["en"], ["sarcasm"])[0]


_THREE = (("sloppy", 0.45), ("careful", 0.0), ("good", 0.05))


def test_who_mislabels_is_last_without_a_human_test(tmp_path: Path) -> None:
    context = _store(tmp_path, names=_THREE, human=False)
    found = generators.run(context, _cell(context), repeats=3)
    assert [record["rank"] for record in found] == [1, 2, 3]
    assert found[-1]["generator"] == "sloppy"
    assert (found[0]["rank_low"], found[-1]["rank_low"], found[-1]["rank_high"]) == (1, 2, 3)
    assert found[0]["score"] > found[-1]["score"] + 10
    assert {record["human"] for record in found} == {None}
    assert found[0]["low"] <= found[0]["score"] <= found[0]["high"]


def test_the_human_test_stands_beside_it_and_agrees(tmp_path: Path) -> None:
    context = _store(tmp_path, names=_THREE, human=True)
    found = generators.run(context, _cell(context), repeats=3)
    assert [record["generator"] for record in found][-1] == "sloppy"
    assert found[0]["human"] > 90
    assert found[-1]["human"] < found[0]["human"]


def test_all_are_fitted_on_as_many_rows_of_each_label(tmp_path: Path) -> None:
    context = _store(tmp_path, names=_THREE, human=False)
    shelf = Shelf(context.store)
    put(shelf, "gen", "short", "en", "sarcasm", {"model": "short"}, examples=_rows("short", wrong=0)[:20])
    shelf.flush()
    found = generators.run(context, _cell(context), repeats=2)
    assert {record["rows"] for record in found} == {20}


def test_a_generation_that_another_tops_up_is_not_compared_with_it(tmp_path: Path) -> None:
    shelf = Shelf(Store(tmp_path / "s.duckdb"))
    first = put(shelf, "gen", "first", "en", "sarcasm", {"model": "m"}, examples=_rows("first", wrong=0))
    verdicts = [{"idx": i, "example_key": first, "accepted": True} for i in range(80)]
    judged = put(shelf, "judge", "j", "en", "sarcasm", {}, verdicts=verdicts)
    shelf.items[-1] = replace(shelf.items[-1][0], inputs=(first,)), shelf.items[-1][1]
    put(shelf, "gen", "more", "en", "sarcasm", {"model": "m"}, examples=_rows("first", wrong=0))
    shelf.items[-1] = replace(shelf.items[-1][0], inputs=(judged,)), shelf.items[-1][1]
    shelf.flush()
    context = Context(store=shelf.store)
    with pytest.raises(DataError, match="1 generation of en/sarcasm"):
        generators.run(context, _cell(context))


def test_cells_without_flags_are_those_with_several(tmp_path: Path) -> None:
    context = _store(tmp_path, names=_THREE[:1], human=False)
    with pytest.raises(DataError, match="no cell has two generations"):
        generators.cells(context, None, None)
    (tmp_path / "more").mkdir()
    context = _store(tmp_path / "more", names=_THREE, human=False)
    assert [str(cell) for cell in generators.cells(context, None, None)] == ["en/sarcasm"]


def test_generations_that_are_alike_share_their_rank(tmp_path: Path) -> None:
    context = _store(tmp_path, names=(("one", 0.0), ("other", 0.0)), human=False)
    found = generators.run(context, _cell(context), repeats=3)
    assert {record["score"] for record in found} == {100}
    assert [(record["rank"], record["rank_low"], record["rank_high"]) for record in found] == [(1, 1, 2)] * 2
