"""Public sets: which one belongs to a cell, local copies of the same shape, and no network."""

import csv
import json
import time
from pathlib import Path

import pytest

from sdc.cache.store import Store
from sdc.errors import DataError
from sdc.pipelines import data
from sdc.pipelines.cells import Cell
from sdc.pipelines.data import hub
from sdc.pipelines.stage import Context
from sdc.pipelines.tasks import languages, load


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(store=Store(tmp_path / "store.duckdb"))


def _cell(task: str, lang: str = "te") -> Cell:
    return Cell(language=languages.load(lang), task=load(task))


def test_sources() -> None:
    assert str(hub.source_for(_cell("topic"))) == "Davlan/sib200 (tel_Telu)"
    assert str(hub.source_for(_cell("intent", "sw"))) == "mteb/amazon_massive_intent (sw)"
    assert str(hub.source_for(_cell("sentiment", "az"))) == "DGurgurov/azerbaijani_sa"
    with pytest.raises(DataError, match=r"not on the hub; take train\.En\.csv"):
        hub.source_for(_cell("sarcasm", "en"))


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("te", "tel_Telu"), ("sw", "swh_Latn"), ("az", "azj_Latn"), ("ro", "ron_Latn"), ("en", "eng_Latn"),
        ("de", "deu_Latn"), ("sl", "slv_Latn"), ("cy", "cym_Latn"), ("he", "heb_Hebr"), ("id", "ind_Latn"),
        ("th", "tha_Thai"), ("ar", "arb_Arab"), ("fa", "pes_Arab"), ("zh", "zho_Hans"), ("et", "est_Latn"),
        ("sr", "srp_Cyrl"), ("lv", "lvs_Latn"), ("uz", "uzn_Latn"),
    ],
)  # fmt: skip
def test_flores_codes(tag: str, code: str) -> None:
    assert hub.source_for(_cell("topic", tag)).config == code


def test_without_network_one_clear_line_at_once(context: Context) -> None:
    start = time.monotonic()
    with pytest.raises(DataError, match=r"cannot reach http://127\.0\.0\.1:9 for Davlan/sib200 .*--from"):
        data.fetch(context, [_cell("topic")])
    assert time.monotonic() - start < 60 and not context.store.path.exists()


def test_all_cells_are_looked_up_before_the_first_download(context: Context) -> None:
    with pytest.raises(DataError, match="not on the hub"):
        data.fetch(context, [_cell("topic", "en"), _cell("sarcasm", "en")])


def test_a_set_that_was_fetched_before_is_not_asked_for_again(context: Context, tmp_path: Path) -> None:
    _topic_copy(tmp_path / "copy")
    data.fetch(context, [_cell("topic")], folder=tmp_path / "copy")
    with pytest.raises(DataError):  # a local copy is not the hub's set
        data.fetch(context, [_cell("topic")])
    with context.store.open(write=True) as con:
        for split in ("train", "test"):
            con.execute(
                "update artifacts set summary = json_merge_patch(summary, ?) where summary ->> '$.split' = ?",
                [json.dumps({"fetched": f"Davlan/sib200 tel_Telu {split}"}), split],
            )
    assert [outcome.hit for outcome in data.fetch(context, [_cell("topic")])] == [True, True]
    with pytest.raises(DataError):
        data.fetch(Context(store=context.store, force=True), [_cell("topic")])


# -- local copies --------------------------------------------------------------------------------------------------

_CARD = """---
configs:
- config_name: tel_Telu
  data_files:
  - split: train
    path: te/a.tsv
  - split: test
    path: te/b.tsv
---
"""


def _topic_copy(folder: Path, *, card: bool = False) -> None:
    """The shape of Davlan/sib200: data/tel_Telu/train.tsv with index_id, category and text; or as a card says."""
    inner = folder / "te" if card else folder / "data" / "tel_Telu"
    inner.mkdir(parents=True)
    splits = {"train": [(1, "science/technology", 'a "b"'), (2, "travel", "None")], "test": [(3, "travel", "c")]}
    for name, (split, rows) in zip("ab", splits.items(), strict=True):
        with (inner / f"{name if card else split}.tsv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter="\t").writerows([("index_id", "category", "text"), *rows])
    if card:
        (folder / "README.md").write_text(_CARD)


@pytest.mark.parametrize(("inside", "card"), [(".", False), ("Davlan/sib200", True), ("sib200", False)])
def test_topic_from_a_local_copy(context: Context, tmp_path: Path, inside: str, card: bool) -> None:
    _topic_copy(tmp_path / "copy" / inside, card=card)
    train, test = data.fetch(context, [_cell("topic")], folder=tmp_path / "copy")
    rows = context.store.query(
        "select text, label, split, status from examples where key = ? order by idx", [train.key]
    )
    assert rows == [('a "b"', 0, "train", "ok"), ("None", 1, "train", "ok")]
    assert (test.summary["rows"], test.summary["split"]) == (1, "test")
    assert all(outcome.hit for outcome in data.fetch(context, [_cell("topic")], folder=tmp_path / "copy"))


def test_intent_is_restricted_to_the_ten(context: Context, tmp_path: Path) -> None:
    folder = tmp_path / "te"
    folder.mkdir()
    rows = [{"id": "1", "label": "alarm_query", "text": "a"}, {"id": "2", "label": "iot_coffee", "text": "b"}]
    for split in ("train", "test"):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    train, _ = data.fetch(context, [_cell("intent")], folder=tmp_path)
    assert (train.summary["rows"], train.summary["ok"], train.summary["other_labels"]) == (1, 1, 1)


def test_labels_of_the_hub_are_read_by_name(context: Context, tmp_path: Path) -> None:
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=["positive", "negative"])})
    for split in ("train", "test"):
        Dataset.from_dict({"text": ["a", "b"], "label": [0, 1]}, features=features).to_parquet(
            str(tmp_path / f"{split}-00000-of-00001.parquet")
        )
    train, _ = data.fetch(context, [_cell("sentiment")], folder=tmp_path)
    rows = context.store.query("select label_name from examples where key = ? order by idx", [train.key])
    assert rows == [("positive",), ("negative",)]


def test_copies_that_cannot_be_read(context: Context, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        data.fetch(context, [_cell("topic")], folder=tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="cannot get the train split"):
        data.fetch(context, [_cell("topic")], folder=tmp_path / "empty")
    (tmp_path / "train.csv").write_text("text,label\na,0\n")
    with pytest.raises(DataError, match="cannot get the test split"):
        data.fetch(context, [_cell("sentiment")], folder=tmp_path)
