"""The stage: keys, hits, what is stored, the paper's folder."""

from pathlib import Path
from typing import Any

import pytest

from sdc.cache.store import Store
from sdc.errors import DataError, StoreError, UsageError
from sdc.pipelines import cells, data
from sdc.pipelines.cells import Cell
from sdc.pipelines.data import DataConfig
from sdc.pipelines.stage import Context, Outcome
from sdc.pipelines.tasks import languages, load

OWN_TASK = """
name = "colour"
instruction = "Which colour? {options}"
quota = 5
[[labels]]
name = "red"
[[labels]]
name = "blue"
"""


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(store=Store(tmp_path / "store.duckdb"))


def _cell(task: str = "topic", lang: str = "te") -> Cell:
    return Cell(language=languages.load(lang), task=load(task))


def _file(folder: Path, text: str = "text,label\na,0\nb,travel\n", name: str = "x.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8", newline="")
    return path


def _examples(context: Context, outcome: Outcome) -> list[tuple[Any, ...]]:
    return context.store.query("select * exclude key from examples where key = ? order by idx", [outcome.key])


def test_human_rows_become_a_data_artifact(context: Context, tmp_path: Path) -> None:
    outcome = data.add(context, _cell(), _file(tmp_path), DataConfig(split="test"))
    artifact = context.store.get(outcome.key)
    assert artifact is not None and (artifact.stage, artifact.lang, artifact.task) == ("data", "te", "topic")
    assert _examples(context, outcome) == [
        (0, "te", "topic", "a", 0, "science and technology", "human", "test", "ok", None, None),
        (1, "te", "topic", "b", 1, "travel", "human", "test", "ok", None, None),
    ]
    summary = outcome.summary
    assert (summary["rows"], summary["ok"], summary["split"], summary["file"]) == (2, 2, "test", "x.csv")
    assert summary["majority_rate"] == 0.5 and str(tmp_path) not in str(summary)


def test_synthetic_rows_become_a_generation(context: Context, tmp_path: Path) -> None:
    path = _file(tmp_path, "text,label\nA b,0\na  B,0\nc,1\n")
    outcome = data.add(context, _cell(), path, DataConfig(source="synthetic"))
    artifact = context.store.get(outcome.key)
    assert artifact is not None and artifact.stage == "gen" and list(artifact.inputs) == []
    assert artifact.config["origin"] == "import"
    assert [row[6:10] for row in _examples(context, outcome)] == [("synthetic", "train", "ok", None)] * 3
    assert outcome.summary["duplicates"] == 1
    assert outcome.summary["labels"]["travel"] == {"quota": 200, "accepted": 1, "stopped": "imported"}


@pytest.mark.parametrize("field", ["split", "source"])
def test_config_is_checked(field: str) -> None:
    with pytest.raises(UsageError):
        DataConfig(**{field: "other"})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no test data"):
        DataConfig(split="test", source="synthetic")


def test_the_second_add_is_a_hit(context: Context, tmp_path: Path) -> None:
    first = data.add(context, _cell(), _file(tmp_path), DataConfig())
    second = data.add(context, _cell(), _file(tmp_path), DataConfig())
    assert not first.hit and second.hit and first.key == second.key and first.summary == second.summary
    assert len(_examples(context, first)) == 2


def test_a_hit_is_the_newest(context: Context, tmp_path: Path) -> None:
    first = data.add(context, _cell(), _file(tmp_path), DataConfig())
    rows = _file(tmp_path, "label,text\n0,a\ntravel,b\n", "y.csv")
    for same in (_file(tmp_path), rows):  # the same bytes; the same rows
        other = data.add(context, _cell(), _file(tmp_path, "text,label\nc,0\n", "z.csv"), DataConfig())
        assert context.store.find("data")[0].key == other.key
        again = data.add(context, _cell(), same, DataConfig())
        assert again.hit and context.store.find("data")[0].key == again.key == first.key


def test_force_reads_again(context: Context, tmp_path: Path) -> None:
    data.add(context, _cell(), _file(tmp_path), DataConfig())
    forced = data.add(Context(store=context.store, force=True), _cell(), _file(tmp_path), DataConfig())
    assert not forced.hit and len(_examples(context, forced)) == 2


def test_keys_are_made_of_content_not_of_files(context: Context, tmp_path: Path) -> None:
    def key(text: str, name: str = "x.csv", *, lang: str = "te", split: str = "train") -> str:
        return data.add(context, _cell(lang=lang), _file(tmp_path, text, name), DataConfig(split=split)).key

    plain = key("text,label\na,0\nb,1\n")
    same = [
        key("text,label\r\na,0\r\nb,1\r\n", "crlf.csv"),
        key("\ufefftext,label\na,0\nb,1\n", "bom.csv"),
        key('"text","label"\n"a","science/technology"\n"b","travel"\n', "quoted.csv"),
        key("text\tlabel\na\t0.0\nb\t1.0\n", "x.tsv"),
        key('{"text": "a", "label": 0}\n{"label": "Travel", "text": "b"}\n', "x.jsonl"),
    ]
    assert set(same) == {plain}
    different = [
        key("text,label\nb,1\na,0\n"),
        key("text,label\na,1\nb,0\n"),
        key("text,label\na ,0\nb,1\n"),
        key("text,label\na,0\nb,1\n", lang="sw"),
        key("text,label\na,0\nb,1\n", split="test"),
        key("text,label\ne\u0301,0\nb,1\n"),
        key("text,label\n\u00e9,0\nb,1\n"),
    ]
    assert len({plain, *different}) == 8


def test_parquet_gives_the_key_of_csv(context: Context, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["a", "b"], "label": [0, 1]}), tmp_path / "x.parquet")
    parquet = data.add(context, _cell(), tmp_path / "x.parquet", DataConfig())
    assert data.add(context, _cell(), _file(tmp_path), DataConfig()).key == parquet.key


def test_a_file_that_cannot_be_used_leaves_nothing(context: Context, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        data.add(context, _cell(), _file(tmp_path, "text,label\na,foo\n"), DataConfig())
    assert not context.store.path.exists()


def test_rows_that_cannot_be_used_are_kept_with_a_reason(context: Context, tmp_path: Path) -> None:
    path = _file(tmp_path, "text,label\n" + "a,0\n" * 12 + " ,1\nb,foo\nc\n")
    outcome = data.add(context, _cell(), path, DataConfig())
    assert outcome.summary["statuses"] == {"ok": 12, "empty": 1, "unlabelled": 1, "broken": 1}
    assert all(row[9] for row in _examples(context, outcome)[12:])


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StoreError):
        data.add(Context(store=Store(blocked / "store.duckdb")), _cell(), _file(tmp_path), DataConfig())


# -- own tasks -----------------------------------------------------------------------------------------------------


def test_an_own_task_is_found_by_its_name_afterwards(context: Context, tmp_path: Path) -> None:
    path = _file(tmp_path, OWN_TASK, "colour.toml")
    file = _file(tmp_path, "text,label\na,red\nb,Blue\n")
    first = data.add(context, _cell(str(path)), file, DataConfig())
    assert cells.load_task(context.store, "colour") == load(str(path))

    _file(tmp_path, OWN_TASK.replace("Which", "What"), "colour.toml")
    second = data.add(context, _cell(str(path)), file, DataConfig())
    assert second.key != first.key, "an edited task must not be hidden by a hit"
    assert cells.load_task(context.store, "colour").instruction.startswith("What")


def test_an_own_task_cannot_take_the_name_of_a_built_in_one(context: Context, tmp_path: Path) -> None:
    path = _file(tmp_path, OWN_TASK.replace('"colour"', '"topic"'), "own.toml")
    with pytest.raises(UsageError, match="like a built-in task"):
        data.add(context, _cell(str(path)), _file(tmp_path), DataConfig())


# -- the paper's folder --------------------------------------------------------------------------------------------


def test_a_folder_in_the_papers_layout(context: Context, tmp_path: Path) -> None:
    (tmp_path / "topic").mkdir()
    for kind in ("test", "train_human_parsed", "train_full"):
        _file(tmp_path / "topic", f"text,intent,label\n{kind},travel,1\n", f"te-{kind}.csv")
    _file(tmp_path / "topic", "not one of them", "notes.csv")
    outcomes = data.add_paper(context, tmp_path)
    assert [o.summary["file"] for o in outcomes] == [
        "topic/te-test.csv", "topic/te-train_full.csv", "topic/te-train_human_parsed.csv",
    ]  # fmt: skip
    assert len(context.store.find("data")) == 2 and len(context.store.find("gen")) == 1
    again = data.add_paper(context, tmp_path)
    assert [o.key for o in again] == [o.key for o in outcomes] and all(o.hit for o in again)


def test_a_bad_file_in_the_folder_keeps_nothing(context: Context, tmp_path: Path) -> None:
    (tmp_path / "topic").mkdir()
    _file(tmp_path / "topic", "text,label\na,1\n", "te-test.csv")
    _file(tmp_path / "topic", "", "te-train_full.csv")
    with pytest.raises(DataError, match=r"te-train_full\.csv: the file is empty"):
        data.add_paper(context, tmp_path)
    assert not context.store.path.exists()


def test_no_folder_and_no_files(context: Context, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        data.add_paper(context, tmp_path / "none")
    with pytest.raises(DataError, match="none of the paper's files"):
        data.add_paper(context, tmp_path)
