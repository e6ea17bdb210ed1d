"""What a test set calls its sentences: kept where every row has a name of its own, and only of what is tested on."""

from pathlib import Path

import pytest

from sdc.cache.store import Store
from sdc.pipelines import data
from sdc.pipelines.cells import Cell
from sdc.pipelines.data import DataConfig
from sdc.pipelines.records import sentences
from sdc.pipelines.stage import Context, Outcome
from sdc.pipelines.tasks import languages, load

CELL = Cell(language=languages.load("en"), task=load("sentiment"))


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(store=Store(tmp_path / "store.duckdb"))


def _add(
    context: Context, path: Path, *rows: str, split: str = "test", head: str = "id", append: str | None = None
) -> Outcome:
    path.write_text("\n".join([f"{head},text,label", *rows]) + "\n", "utf-8")
    return data.add_set(context, CELL, [path], DataConfig(split=split, source="human"), append=append)[-1]


def _ids(context: Context, outcome: Outcome) -> dict[int, str]:
    return sentences.ids_of(context.store, [outcome.key]).get(outcome.key, {})


@pytest.mark.parametrize("head", ["id", "ID", "index_id", "sentence_id"])
def test_the_ids_of_a_test_set_are_kept(context: Context, tmp_path: Path, head: str) -> None:
    made = _add(context, tmp_path / "a.csv", "17,one,0", "4,two,1", "x-9,three,0", head=head)
    assert _ids(context, made) == {0: "17", 1: "4", 2: "x-9"}


@pytest.mark.parametrize(
    ("rows", "split", "head"),
    [
        (("1,one,0", "1,two,1"), "test", "id"),
        (("1,one,0", ",two,1"), "test", "id"),
        (("1,one,0", "2,two,1"), "train", "id"),
        (("1,one,0", "2,two,1"), "test", "number"),
    ],
)
def test_ids_that_name_no_one_sentence_and_those_of_other_sets_are_not(
    context: Context, tmp_path: Path, rows: tuple[str, ...], split: str, head: str
) -> None:
    assert _ids(context, _add(context, tmp_path / "a.csv", *rows, split=split, head=head)) == {}


def test_a_set_that_an_older_sdc_kept_gets_its_ids_and_nothing_made_of_it_is_stale(
    context: Context, tmp_path: Path
) -> None:
    made = _add(context, tmp_path / "a.csv", "17,one,0", "4,two,1")
    with context.store.open(write=True) as con:
        con.execute("delete from sentence_ids")
        con.execute('update artifacts set summary = json_merge_patch(summary, \'{"reading": "older"}\')')
    again = _add(context, tmp_path / "a.csv", "17,one,0", "4,two,1")
    assert again.key == made.key
    assert _ids(context, again) == {0: "17", 1: "4"}
    assert context.store.query("select count(*) from stale") == [(0,)]


def test_sets_that_are_put_together_keep_what_is_told_apart(context: Context, tmp_path: Path) -> None:
    _add(context, tmp_path / "a.csv", "17,one,0", "4,two,1")
    both = _add(context, tmp_path / "b.csv", "5,three,0", append="newest")
    assert _ids(context, both) == {0: "17", 1: "4", 2: "5"}
    again = _add(context, tmp_path / "c.csv", "17,four,0", append="newest")
    assert _ids(context, again) == {}
