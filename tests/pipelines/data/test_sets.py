"""Sets beside each other: several files, more rows, leaks, and which set later stages take."""

from pathlib import Path
from typing import Any

import pytest

from sdc.cache.store import Artifact, Store
from sdc.errors import DataError, UsageError
from sdc.pipelines import data
from sdc.pipelines.cells import Cell
from sdc.pipelines.data import DataConfig
from sdc.pipelines.data import profile as data_profile
from sdc.pipelines.records import leaks, lineage
from sdc.pipelines.stage import Context, Outcome
from sdc.pipelines.tasks import languages, load

CELL = Cell(language=languages.load("en"), task=load("sentiment"))


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def context(tmp_path: Path, said: list[str]) -> Context:
    return Context(store=Store(tmp_path / "store.duckdb"), say=said.append)


def _file(folder: Path, name: str, *texts: str) -> Path:
    path = folder / name
    path.write_text("text,label\n" + "".join(f"{text},{i % 2}\n" for i, text in enumerate(texts)), "utf-8")
    return path


def _add(context: Context, *paths: Path, split: str = "train", **flags: Any) -> list[Outcome]:
    config = DataConfig(split=split, source=flags.pop("source", "human"))
    return data.add_set(context, CELL, paths, config, **flags)


def _rows(context: Context, outcome: Outcome) -> list[tuple[Any, ...]]:
    sql = "select idx, text, status, reason from examples where key = ? order by idx"
    return context.store.query(sql, [outcome.key])


def _artifact(context: Context, outcome: Outcome) -> Artifact:
    artifact = context.store.get(outcome.key)
    assert artifact is not None
    return artifact


def _newest(context: Context, split: str = "train") -> str:
    return lineage.newest_data(context, CELL, split=split).key


# -- several files, more rows --------------------------------------------------------------------------------------


def test_several_files_are_one_set(context: Context, tmp_path: Path) -> None:
    one, two = _file(tmp_path, "a.csv", "a", "b"), _file(tmp_path, "b.csv", "c")
    (both,) = _add(context, one, two)
    assert [row[:2] for row in _rows(context, both)] == [(0, "a"), (1, "b"), (2, "c")]
    assert both.summary["file"] == "a.csv + b.csv" and both.summary["rows"] == 3
    assert _add(context, one, two)[0].hit
    (same,) = _add(context, _file(tmp_path, "all.csv", "a", "b", "c"), split="train")
    assert [row[1] for row in _rows(context, same)] == ["a", "b", "c"]
    with pytest.raises(UsageError, match="named twice"):
        _add(context, one, one)


def test_ids_are_told_over_all_files(context: Context, tmp_path: Path) -> None:
    (tmp_path / "ones.csv").write_text("text,label\nx,1\n")
    with pytest.raises(DataError, match="numbers"):
        _add(context, tmp_path / "ones.csv")
    (both,) = _add(context, _file(tmp_path, "a.csv", "a", "b"), tmp_path / "ones.csv")
    assert both.summary["labels"] == {"negative": 1, "positive": 2}


def test_rows_are_added_to_earlier_ones(context: Context, tmp_path: Path, said: list[str]) -> None:
    (first,) = _add(context, _file(tmp_path, "a.csv", "a", "b"))
    (both,) = _add(context, _file(tmp_path, "b.csv", "c"), append="newest")
    assert [row[:2] for row in _rows(context, both)] == [(0, "a"), (1, "b"), (2, "c")]
    artifact = _artifact(context, both)
    assert list(artifact.inputs) == [first.key] and artifact.recomputed_key() == both.key
    assert both.summary["file"] == "a.csv + b.csv" and _newest(context) == both.key
    assert said == [], "nothing was replaced"
    assert _add(context, tmp_path / "b.csv", append=first.key[:12])[0].key == both.key
    assert [row[1] for row in _rows(context, first)] == ["a", "b"], "the first set stays as it was"


def test_what_cannot_be_added_to(context: Context, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no human train examples"):
        _add(context, _file(tmp_path, "a.csv", "a", "b"), append="newest")
    (test,) = _add(context, tmp_path / "a.csv", split="test")
    with pytest.raises(UsageError, match="is en/sentiment test data, not train data of en/sentiment"):
        _add(context, tmp_path / "a.csv", append=test.key)
    with pytest.raises(UsageError, match="synthetic rows are a generation each"):
        _add(context, tmp_path / "a.csv", append="newest", source="synthetic")


# -- which one is taken --------------------------------------------------------------------------------------------


def test_a_second_set_says_that_the_first_is_no_longer_taken(context: Context, tmp_path: Path, said: list[str]) -> None:
    (first,) = _add(context, _file(tmp_path, "train.csv", "a", "b", "c"))
    assert said == []
    (second,) = _add(context, _file(tmp_path, "dev.csv", "d", "e"))
    assert said == [
        f"data en/sentiment: from now on later stages take {second.key[:12]} (dev.csv, 2 rows) as train data, and no "
        f"longer {first.key[:12]} (train.csv, 3 rows); --append {first.key[:12]} makes one set of both"
    ]
    said.clear()
    assert _add(context, tmp_path / "dev.csv")[0].hit and said == [], "again the same: nothing changes"
    assert _add(context, tmp_path / "train.csv")[0].hit
    assert len(said) == 1 and f"no longer {second.key[:12]}" in said[0]
    said.clear()
    _add(context, _file(tmp_path, "t.csv", "x", "y"), split="test")
    assert said == [], "another split replaces nothing"


def test_a_dev_set_is_taken_only_by_its_key(context: Context, tmp_path: Path, said: list[str]) -> None:
    (train,) = _add(context, _file(tmp_path, "train.csv", "a", "b"))
    (dev,) = _add(context, _file(tmp_path, "dev.csv", "d", "e"), split="validation")
    assert dev.summary["split"] == "dev" and said == []
    assert _newest(context) == train.key
    with pytest.raises(DataError, match="no human test examples"):
        lineage.test_data(context, CELL)
    assert lineage.test_data(context, CELL, dev.key[:12]).key == dev.key
    with pytest.raises(UsageError, match="is the dev split, not train data"):
        lineage.refuse_test(_artifact(context, dev))
    assert [data_profile.kind_of(a) for a in data_profile.listing(context.store)] == ["train", "dev"]


def test_no_test_key_is_a_train_split(context: Context, tmp_path: Path) -> None:
    (train,) = _add(context, _file(tmp_path, "train.csv", "a", "b"))
    (made,) = _add(context, _file(tmp_path, "made.csv", "s", "t"), source="synthetic")
    (test,) = _add(context, _file(tmp_path, "test.csv", "x", "y"), split="test")
    with pytest.raises(UsageError, match="is the train split, not test data"):
        lineage.test_data(context, CELL, train.key)
    with pytest.raises(UsageError, match="of stage gen, wanted data"):
        lineage.test_data(context, CELL, made.key)
    with pytest.raises(UsageError, match="not train data"):
        lineage.refuse_test(_artifact(context, test))
    other = Cell(language=languages.load("de"), task=CELL.task)
    with pytest.raises(UsageError, match="is of en/sentiment, not of de/sentiment"):
        lineage.test_data(context, other, test.key)


# -- leaks ---------------------------------------------------------------------------------------------------------

TRAIN = ("the film was good", "bad", "The film  WAS good", "a very long story about nothing at all", "fine")
TEST = ("The film was good", "other", "a very long story about nothing at all!", "fine")
COUNTS = {"test_rows": 4, "leaked": 3, "exact": 2, "rows": 4, "test_idx": [0, 2, 3]}


@pytest.mark.parametrize("order", [("train", "test"), ("test", "train"), ("train", "dev"), ("synthetic", "test")])
def test_leaks_are_said_as_soon_as_both_sides_are_there(
    context: Context, tmp_path: Path, said: list[str], order: tuple[str, str]
) -> None:
    made = {}
    for kind in order:
        path = _file(tmp_path, f"{kind}.csv", *(TEST if kind in ("test", "dev") else TRAIN))
        flags = {"source": "synthetic"} if kind == "synthetic" else {"split": kind}
        (made[kind],) = _add(context, path, **flags)
    tested, learned = (
        next(k for k in order if k in ("test", "dev")),
        next(k for k in order if k in ("train", "synthetic")),
    )
    line = (
        f"data en/sentiment: 3 of 4 {tested} texts (75.0%, 2 word for word) stand in the {learned} rows "
        f"{made[learned].key[:12]}"
    )
    assert said[0] == line and len(said) == 2
    assert "--drop-leaks leaves the train rows out" in said[1]
    assert made[order[1]].summary["leaks"] == {made[order[0]].key: COUNTS}
    assert "leaks" not in made[order[0]].summary
    found = leaks.between(context.store, rows=made[learned].key, test=made[tested].key)
    assert found.as_json().items() <= COUNTS.items()
    said.clear()
    assert _add(
        context,
        tmp_path / f"{order[0]}.csv",
        **({"source": "synthetic"} if order[0] == "synthetic" else {"split": order[0]}),
    )[0].hit
    assert said[0] == line, "a hit says it too"


def test_what_leaks_can_be_dropped(context: Context, tmp_path: Path, said: list[str]) -> None:
    (test,) = _add(context, _file(tmp_path, "test.csv", *TEST), split="test")
    (train,) = _add(context, _file(tmp_path, "train.csv", *TRAIN), drop_leaks=True)
    rows = _rows(context, train)
    assert [row[2] for row in rows] == ["leak", "ok", "leak", "leak", "leak"]
    assert rows[0][3] == f"test row 0 of {test.key[:12]} (similarity 1.00)"
    assert train.summary["statuses"] == {"leak": 4, "ok": 1} and train.summary["ok"] == 1
    assert said == ["data en/sentiment: 4 of 5 rows dropped, as test rows (status leak)"]
    assert train.summary["leaks"][test.key]["leaked"] == 0
    assert _add(context, tmp_path / "train.csv", drop_leaks=True)[0].hit
    assert _artifact(context, train).recomputed_key() == train.key


def test_a_test_set_takes_its_rows_out_of_the_train_set(context: Context, tmp_path: Path, said: list[str]) -> None:
    (train,) = _add(context, _file(tmp_path, "train.csv", *TRAIN))
    test, clean = _add(context, _file(tmp_path, "test.csv", *TEST), split="test", drop_leaks=True)
    assert test.summary["split"] == "test" and clean.summary["split"] == "train"
    assert [row[2] for row in _rows(context, clean)] == ["leak", "ok", "leak", "leak", "leak"]
    assert list(_artifact(context, clean).inputs) == [train.key] and _newest(context) == clean.key
    assert [row[2] for row in _rows(context, train)] == ["ok"] * 5
    assert clean.summary["file"] == "train.csv" and said[0].endswith("dropped, as test rows (status leak)")
    assert len(said) == 1


def test_dropping_without_anything_to_compare_with(context: Context, tmp_path: Path, said: list[str]) -> None:
    (train,) = _add(context, _file(tmp_path, "train.csv", *TRAIN), drop_leaks=True)
    assert train.summary["ok"] == 5 and said == [
        "data en/sentiment: there is nothing to compare with yet, so no leak was dropped"
    ]


def test_a_train_set_that_is_the_test_set_cannot_be_emptied(context: Context, tmp_path: Path) -> None:
    _add(context, _file(tmp_path, "test.csv", *TEST), split="test")
    with pytest.raises(DataError, match="all usable train rows are test rows"):
        _add(context, _file(tmp_path, "train.csv", *TEST), drop_leaks=True)


def test_duplicates_within_a_set_are_counted_as_everywhere(context: Context, tmp_path: Path) -> None:
    texts = (
        "Caf\u00e9 au lait",
        "cafe\u0301  AU lait",
        "tea",
        "a cup of tea without any sugar",
        "a cup of tea without any sugar!",
    )
    for split in ("train", "test"):
        (outcome,) = _add(context, _file(tmp_path, f"{split}.csv", *texts), split=split)
        (profile,) = data_profile.profile(context.store, {split: _artifact(context, outcome)})
        assert (outcome.summary["duplicates"], profile.duplicates, profile.near_duplicates) == (1, 1, 2)


def test_the_papers_intents(context: Context, paper_data: Path, said: list[str]) -> None:
    cell = Cell(language=languages.load("sw"), task=load("intent"))
    for split, name in (("train", "sw-train_human_parsed"), ("test", "sw-test")):
        data.add(context, cell, paper_data / "intent" / f"{name}.csv", DataConfig(split=split))
    assert len(said) == 2 and "49 of 565 test texts (8.7%, 31 word for word) stand in the train rows" in said[0]
