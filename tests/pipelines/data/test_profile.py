"""The profile: small cases by hand, and all lines of the table beside the paper's data."""

from pathlib import Path

import pytest

from sdc.cache.store import Store
from sdc.errors import DataError
from sdc.pipelines import data
from sdc.pipelines.cells import Cell
from sdc.pipelines.data import DataConfig
from sdc.pipelines.data import profile as data_profile
from sdc.pipelines.stage import Context
from sdc.pipelines.tasks import languages, load

TRAIN = 'text,label\nOne  two,0\none two,1\n"a\rb",1\nx &amp; y _x000D_,1\n ,1\nz,foo\nq,0\nq,0\n'
TEST = "text,label\nONE TWO,0\nfresh \ufffd,1\nsyn,1\n"
SYNTHETIC = "text,label\none two,0\nsyn\u0007,1\nsyn,1\n"


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(store=Store(tmp_path / "store.duckdb"))


def _cell(lang: str = "te", task: str = "sentiment") -> Cell:
    return Cell(language=languages.load(lang), task=load(task))


def _take(context: Context, folder: Path) -> None:
    for name, content, config in (
        ("train.csv", TRAIN, DataConfig(split="train")),
        ("test.csv", TEST, DataConfig(split="test")),
        ("syn.csv", SYNTHETIC, DataConfig(source="synthetic")),
    ):
        (folder / name).write_text(content, "utf-8", newline="")
        data.add(context, _cell(), folder / name, config)


def test_a_profile_by_hand(context: Context, tmp_path: Path) -> None:
    _take(context, tmp_path)
    found = data_profile.newest(context, _cell())
    train, test, synthetic = data_profile.profile(context.store, found)
    assert (train.kind, test.kind, synthetic.kind) == ("train", "test", "synthetic")
    assert (train.rows, dict(train.statuses)) == (8, {"ok": 6, "empty": 1, "unlabelled": 1})
    assert dict(train.labels) == {"negative": 3, "positive": 3} and train.majority_rate == 0.5
    assert (train.duplicates, test.duplicates, synthetic.duplicates) == (2, 0, 0)
    assert dict(train.found_in) == {"test": 2, "synthetic": 2}
    assert dict(test.found_in) == {"train": 1, "synthetic": 2}
    assert dict(synthetic.found_in) == {"train": 1, "test": 2}
    assert {name.split(" (")[0]: count for name, count in train.odd.items()} == {
        "carriage return": 1, "spreadsheet escape": 1, "HTML entity": 1,
    }  # fmt: skip
    assert list(test.odd.values()) == [1] and "U+FFFD" in next(iter(test.odd))
    assert list(synthetic.odd) == ["control character"]
    assert (test.chars_median, test.chars_max) == (7, 7)


def test_seed_examples_of_a_generation_are_not_profiled(context: Context, tmp_path: Path) -> None:
    _take(context, tmp_path)
    (artifact,) = context.store.find("gen")
    with context.store.open(write=True) as con:
        con.execute(
            """insert into examples (key, idx, lang, task, text, source, status)
            values (?, 99, 'te', 'sentiment', 'seed', 'human', 'seed')""",
            [artifact.key],
        )
    (profile,) = data_profile.profile(context.store, {"synthetic": artifact})
    assert profile.rows == 3


def test_the_listing(context: Context, tmp_path: Path) -> None:
    assert data_profile.listing(context.store) == []
    _take(context, tmp_path)
    kinds = [data_profile.kind_of(artifact) for artifact in data_profile.listing(context.store)]
    assert kinds == ["train", "test", "synthetic"]
    assert data_profile.listing(context.store, lang=["sw"]) == []
    assert len(data_profile.listing(context.store, lang=["te"], task=["sentiment"])) == 3


def test_no_data_for_a_cell(context: Context) -> None:
    with pytest.raises(DataError, match="no data of te/sentiment"):
        data_profile.newest(context, _cell())
