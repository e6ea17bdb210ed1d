"""Files of the shapes that people have: delimiters, no header, quotes, encodings, JSON of all kinds, many columns."""

import json
from pathlib import Path
from typing import Any

import pytest

from sdc.cache.store import Store
from sdc.errors import DataError, SdcError, UsageError
from sdc.pipelines import data
from sdc.pipelines.cells import Cell
from sdc.pipelines.data import DataConfig
from sdc.pipelines.data.files import FileFormat
from sdc.pipelines.stage import Context, Outcome
from sdc.pipelines.tasks import languages, load

CELL = Cell(language=languages.load("te"), task=load("sentiment"))
#: What each well-formed file of this page holds.
WANTED = [("one", "negative", "ok"), ("two", "positive", "ok"), ("three", "negative", "ok")]


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(store=Store(tmp_path / "store.duckdb"))


def _add(context: Context, path: Path, form: FileFormat | None = None, **config: Any) -> Outcome:
    return data.add(context, CELL, path, DataConfig(form=form or FileFormat(), **config))


def _rows(context: Context, outcome: Outcome) -> list[tuple[Any, ...]]:
    sql = "select text, label_name, status from examples where key = ? order by idx"
    return context.store.query(sql, [outcome.key])


def _file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# -- tables --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("x.csv", "text;label\none;0\ntwo;1\nthree;0\n", FileFormat(delimiter=";")),
        ("x.txt", "text|label\none|0\ntwo|1\nthree|0\n", FileFormat(delimiter="|")),
        ("x.txt", "text\tlabel\none\t0\ntwo\t1\nthree\t0\n", FileFormat()),
        ("x.data", "text\tlabel\none\t0\ntwo\t1\nthree\t0\n", FileFormat(delimiter="\t")),
        ("x.txt", "label ||| text\n0 ||| one\n1 ||| two\n0 ||| three\n", FileFormat(delimiter=" ||| ", quoting="none")),
        ("x.csv", "one,0\ntwo,1\nthree,0\n", FileFormat(header=False)),
        ("x.csv", "negative,one\npositive,two\nnegative,three\n", FileFormat(header=False)),
        ("x.csv", "one,0\ntwo,1\nthree,0\n", FileFormat()),
        ("x.txt", "one\tnegative\ntwo\tpositive\nthree\tnegative\n", FileFormat()),
        ("x.csv", "text,label\none,0\ntwo,1\nthree,0\n".encode("utf-16"), FileFormat(encoding="utf-16")),
        ("x.csv", "text,label\r\none,0\r\ntwo,1\r\nthree,0\r\n", FileFormat(quoting="none")),
    ],
)
def test_tables_of_all_kinds(
    context: Context, tmp_path: Path, name: str, content: str | bytes, form: FileFormat
) -> None:
    assert _rows(context, _add(context, _file(tmp_path, name, content), form)) == WANTED


@pytest.mark.parametrize(
    ("encoding", "text"), [("latin-1", "na\xefve"), ("cp1252", "\u201cna\xefve\u201d"), ("utf-16-le", "é")]
)
def test_encodings(context: Context, tmp_path: Path, encoding: str, text: str) -> None:
    path = _file(tmp_path, "x.csv", f"text,label\n{text},0\n".encode(encoding))
    assert _rows(context, _add(context, path, FileFormat(encoding=encoding)))[0][0] == text
    with pytest.raises(DataError, match="--encoding"):
        _add(context, path)


def test_a_file_without_a_header_loses_no_row(context: Context, tmp_path: Path) -> None:
    """Named by the text of its first row, the file lost that row."""
    path = _file(tmp_path, "x.csv", "7,one,negative\n8,two,positive\n9,three,negative\n")
    with pytest.raises(
        UsageError, match=r"the first row seems to be no header: 'negative' is a label; add --no-header"
    ):
        _add(context, path, text_column="one", label_column="negative")
    with pytest.raises(
        UsageError, match=r"first row has 1 '7', 2 'one', 3 'negative'; .*--text-column N --label-column 3"
    ):
        _add(context, path)
    assert _rows(context, _add(context, path, FileFormat(header=False), text_column="2")) == WANTED
    assert _rows(context, _add(context, path, FileFormat(header=False), text_column="2", label_column="3")) == WANTED
    assert _add(context, path, FileFormat(header=True), text_column="one", label_column="negative").summary["rows"] == 2


def test_a_header_that_is_one_is_kept(context: Context, tmp_path: Path) -> None:
    path = _file(tmp_path, "x.csv", "sentence,sentiment\none,negative\ntwo,positive\nthree,negative\n")
    assert _rows(context, _add(context, path)) == WANTED
    with pytest.raises(UsageError, match="no text column"):
        _add(context, _file(tmp_path, "y.csv", "words,kind\none,negative\n"))


def test_quotes_that_are_characters(context: Context, tmp_path: Path) -> None:
    content = 'text\tlabel\n"one" he said\t0\n"two\t1\n5" three\t0\n'
    with pytest.raises(SdcError):
        _add(context, _file(tmp_path, "x.tsv", content))
    rows = _rows(context, _add(context, tmp_path / "x.tsv", FileFormat(quoting="none")))
    assert [row[0] for row in rows] == ['"one" he said', '"two', '5" three']


@pytest.mark.parametrize(
    "content",
    [
        'text\tlabel\n"one\t0\ntwo"\t1\nthree\t0\n' + "more\t1\n" * 9,
        'label\ttext\n0\t"one\n1\ttwo"\n0\tthree\n' + "1\tmore\n" * 9,
        'text\tlabel\n"one\tnegative\nx\tpositive\ntwo"\tpositive\nthree\tnegative\n' + "more\tpositive\n" * 9,
    ],
)
def test_a_quote_that_swallowed_rows_breaks_that_row(context: Context, tmp_path: Path, content: str) -> None:
    outcome = _add(context, _file(tmp_path, "x.tsv", content))
    rows = _rows(context, outcome)
    assert (rows[0][1:], rows[1]) == ((None, "broken"), WANTED[2])
    assert "one" in rows[0][0] and "two" in rows[0][0], "what was swallowed stands there"
    (reason,) = context.store.query("select reason from examples where status = 'broken'")[0]
    assert "swallowed whole rows" in reason and reason.startswith("lines 2 to ") and "--quoting none" in reason
    assert outcome.summary["odd"] == {"rows": 1, "lines": [2]}


def test_a_quoted_cell_with_a_delimiter_and_a_line_break_is_counted(context: Context, tmp_path: Path) -> None:
    content = 'text,label\n"one, and\nmore",0\n"two\nlines",1\n"three, too",0\n"a,\r\nb",1\n'
    outcome = _add(context, _file(tmp_path, "x.csv", content))
    assert outcome.summary["ok"] == 4 and outcome.summary["odd"] == {"rows": 2, "lines": [2, 7]}


def test_nothing_is_odd_in_the_papers_files(context: Context, paper_data: Path) -> None:
    cell = Cell(language=languages.load("en"), task=load("sarcasm"))
    for name in ("test", "train_human_parsed"):
        outcome = data.add(context, cell, paper_data / "sarcasm" / f"en-{name}.csv", DataConfig())
        assert "broken" not in outcome.summary["statuses"]


# -- JSON ----------------------------------------------------------------------------------------------------------

RECORDS = [{"text": "one", "label": 0}, {"text": "two", "label": 1}, {"text": "three", "label": 0}]


@pytest.mark.parametrize("name", ["x.json", "x.jsonl"])
@pytest.mark.parametrize("indent", [None, 2])
def test_one_list_of_records(context: Context, tmp_path: Path, name: str, indent: int | None) -> None:
    assert _rows(context, _add(context, _file(tmp_path, name, json.dumps(RECORDS, indent=indent)))) == WANTED


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_in_an_object(context: Context, tmp_path: Path, indent: int | None) -> None:
    value = {"version": 1, "data": {"items": RECORDS, "other": [{"text": "no", "label": 0}]}, "names": ["a"]}
    path = _file(tmp_path, "x.json", json.dumps(value, indent=indent))
    assert _rows(context, _add(context, path, FileFormat(records="data.items"))) == WANTED
    for records, said in (
        ("data", "is a dict, not a list"), ("items", "no 'items' in the file; it has the lists data.items, data.other"),
        ("data.items.x", "there is a list"), ("version.x", "there is a int"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            _add(context, path, FileFormat(records=records))


def test_an_object_over_many_lines_asks_for_its_records(context: Context, tmp_path: Path) -> None:
    path = _file(tmp_path, "x.json", json.dumps({"train": RECORDS, "test": RECORDS}, indent=1))
    with pytest.raises(UsageError, match="has the lists train, test; say where the records stand: --records train"):
        _add(context, path)


def test_an_object_in_one_line_asks_for_its_records(context: Context, tmp_path: Path) -> None:
    path = _file(tmp_path, "x.json", json.dumps({"version": 1, "data": {"items": RECORDS}}))
    with pytest.raises(UsageError, match=r"--records data\.items"):
        _add(context, path)
    row = {"text": "one", "label": "negative", "annotators": [{"name": "a"}]}
    assert _rows(context, _add(context, _file(tmp_path, "y.jsonl", json.dumps(row)))) == WANTED[:1]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("orient", ["columns", "index", "split", "records", "lists"])
def test_a_table_as_pandas_writes_it(context: Context, tmp_path: Path, orient: str, indent: int | None) -> None:
    texts, labels = ([row[name] for row in RECORDS] for name in ("text", "label"))
    tables: dict[str, Any] = {
        "columns": {"text": dict(enumerate(texts)), "label": dict(enumerate(labels))},
        "index": dict(enumerate(RECORDS)),
        "split": {"columns": ["text", "label"], "index": [0, 1, 2], "data": [[*row.values()] for row in RECORDS]},
        "records": RECORDS,
        "lists": {"text": texts, "label": labels},
    }
    path = _file(tmp_path, "x.json", json.dumps(tables[orient], indent=indent))
    assert _rows(context, _add(context, path)) == WANTED


@pytest.mark.parametrize(
    "value",
    [
        {"text": ["one", "two"], "label": [0]},
        {"text": {"0": "one"}, "label": {"1": 0}},
        {"0": {"1": "one"}},
        {"columns": ["text", "label"], "data": [["one"]]},
        {"text": ["one"], "label": [["negative", "positive"]]},
        {},
    ],
)
def test_what_could_be_something_else_is_not_taken_for_a_table(context: Context, tmp_path: Path, value: Any) -> None:
    with pytest.raises(UsageError, match="the file is one JSON object without a list of records"):
        _add(context, _file(tmp_path, "x.json", json.dumps(value, indent=1) if value else "{\n}"))


def test_odd_items_of_a_list_are_rows(context: Context, tmp_path: Path) -> None:
    path = _file(tmp_path, "x.json", json.dumps([*RECORDS, 7, None]))
    outcome = _add(context, path, most_unusable=0.5)
    assert outcome.summary["statuses"] == {"ok": 3, "broken": 2} and outcome.summary["rows"] == 5


# -- Parquet -------------------------------------------------------------------------------------------------------


def _parquet(folder: Path, columns: dict[str, Any], features: dict[str, Any] | None = None) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(columns)
    if features is not None:
        about = {"info": {"features": features}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(about)})
    pq.write_table(table, folder / "x.parquet")
    return folder / "x.parquet"


def test_names_of_labels_in_the_metadata_count(context: Context, tmp_path: Path) -> None:
    """`datasets` numbers the labels in its own order: read as ids of the task, every label was another one."""
    names = {"label": {"names": ["positive", "negative"], "_type": "ClassLabel"}}
    path = _parquet(tmp_path, {"text": ["one", "two", "three", "four"], "label": [1, 0, 1, -1]}, names)
    rows = _rows(context, _add(context, path, most_unusable=0.3))
    assert rows == [*WANTED, ("four", None, "unlabelled")]


def test_what_datasets_writes_is_read(context: Context, tmp_path: Path) -> None:
    from datasets import ClassLabel, Dataset, Features, Sequence, Value

    label = ClassLabel(names=["positive", "negative"])
    for feature, labels in ((label, [1, 0, 1]), (Sequence(label), [[1], [0], [1]])):
        features = Features({"text": Value("string"), "label": feature})
        table = Dataset.from_dict({"text": ["one", "two", "three"], "label": labels}, features=features)
        table.to_parquet(str(tmp_path / "x.parquet"))
        assert _rows(context, _add(context, tmp_path / "x.parquet")) == WANTED


@pytest.mark.parametrize("metadata", ["{", "[]", '{"info": 3}', '{"info": {"features": {"label": null}}}', "\ud83d"])
def test_odd_metadata_is_no_error(context: Context, tmp_path: Path, metadata: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"text": ["one", "two", "three"], "label": [0, 1, 0]})
    table = table.replace_schema_metadata({b"huggingface": metadata.encode(errors="surrogatepass")})
    pq.write_table(table, tmp_path / "x.parquet")
    assert _rows(context, _add(context, tmp_path / "x.parquet")) == WANTED


def test_floats_and_nulls_of_pandas(context: Context, tmp_path: Path) -> None:
    import pyarrow as pa

    labels = pa.array([0.0, 1.0, 0.0, None, float("nan")])
    path = _parquet(tmp_path, {"text": ["one", "two", "three", "four", "five"], "label": labels})
    rows = _rows(context, _add(context, path, most_unusable=0.5))
    assert rows[:3] == WANTED and [row[1:] for row in rows[3:]] == [(None, "unlabelled")] * 2


def test_columns_that_are_not_needed_are_not_read(context: Context, tmp_path: Path) -> None:
    import pyarrow as pa

    year_300000 = pa.array([2**62, 0, 1], type=pa.timestamp("us"))
    columns = {"text": ["one", "two", "three"], "label": [0, 1, 0], "when": year_300000}
    path = _parquet(tmp_path, columns)
    assert _rows(context, _add(context, path)) == WANTED
    with pytest.raises(DataError, match="not a readable Parquet file"):
        _add(context, path, text_column="when")


# -- some of the rows ----------------------------------------------------------------------------------------------

PARTS = (
    "text,label,partition,year\none,negative,train,1.0\nx,positive,test,1\ntwo,positive,train,2\n"
    "y,neutral,train,2\nthree,negative,dev,2\n"
)


def test_rows_are_chosen_by_a_column(context: Context, tmp_path: Path) -> None:
    path = _file(tmp_path, "x.csv", PARTS)
    outcome = _add(context, path, where=("partition=train", "Partition=dev"), most_unusable=0.3)
    assert [row[0] for row in _rows(context, outcome)] == ["one", "two", "y", "three"]
    assert outcome.summary["other_values"] == 1 and outcome.summary["rows"] == 4
    outcome = _add(context, path, where=("partition=train", "year=2"), subset=True)
    assert [row[0] for row in _rows(context, outcome)] == ["two"]
    assert (outcome.summary["other_values"], outcome.summary["other_labels"]) == (3, 1)
    with pytest.raises(DataError, match="no row meets all"):
        _add(context, path, where=("partition=dev", "year=1"))


def test_where_counts_numbers_and_broken_rows(context: Context, tmp_path: Path) -> None:
    lines = [{"text": f"t{i}", "label": i % 2, "fold": float(i % 3)} for i in range(9)]
    content = "".join(json.dumps(line) + "\n" for line in lines) + "{broken\n"
    outcome = _add(context, _file(tmp_path, "x.jsonl", content), where=("fold=1",), most_unusable=0.3)
    assert outcome.summary["statuses"] == {"ok": 3, "broken": 1} and outcome.summary["other_values"] == 6


def test_subset_keeps_rows_without_a_label(context: Context, tmp_path: Path) -> None:
    content = "text,label\n" + "one,negative\n" * 8 + "x,neutral\ny,\n"
    outcome = _add(context, _file(tmp_path, "x.csv", content), subset=True)
    assert outcome.summary["statuses"] == {"ok": 8, "unlabelled": 1} and outcome.summary["other_labels"] == 1


def test_rows_in_another_language_are_refused(context: Context, tmp_path: Path) -> None:
    rows = [{"text": f"t{i}", "label": i % 2, "locale": lang} for i in range(4) for lang in ("te-IN", "sw-KE")]
    path = _file(tmp_path, "x.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UsageError, match=r"rows are not in te: te-IN \(4 rows\), sw-KE .*--where locale=te-IN"):
        _add(context, path)
    assert _add(context, path, where=("locale=te-IN",)).summary["rows"] == 4
    one = _file(tmp_path, "one.csv", "text,label,lang\na,0,tel\nb,1,te\n")
    assert _add(context, one).summary["rows"] == 2
    other = _file(tmp_path, "other.csv", "text,label,language\na,0,word\nb,1,thing\n")
    assert _add(context, other).summary["rows"] == 2, "a column that names no language says nothing"


def test_a_language_column_is_read_from_parquet(context: Context, tmp_path: Path) -> None:
    path = _parquet(tmp_path, {"text": ["a", "b"], "label": [0, 1], "lang": ["te", "sw"], "more": [1, 2]})
    with pytest.raises(UsageError, match="--where lang=te"):
        _add(context, path)
    assert _add(context, path, where=("LANG=te",)).summary["rows"] == 1


def test_every_row_of_a_file_is_accounted_for(context: Context, tmp_path: Path) -> None:
    content = (
        "text,label,partition\n" + "one,negative,train\n" * 9 + "two,positive,train\n,positive,train\nx,neutral,train\n"
        "y,odd,train\nz,\nw,negative,test\nv,skipped,train\n"
    )
    outcome = _add(
        context, _file(tmp_path, "x.csv", content), where=("partition=train",), subset=False,
        label_map=("skipped=skip",), most_unusable=0.5,
    )  # fmt: skip
    summary = outcome.summary
    assert summary["statuses"] == {"ok": 10, "empty": 1, "unlabelled": 2, "broken": 1, "skipped": 1}
    assert sum(summary["statuses"].values()) + summary["other_values"] == 16


def test_numbers_are_judged_over_the_whole_file(context: Context, tmp_path: Path) -> None:
    """What is asked for may look like ids from 0 where the file has others: of sixty intents, or of -1, 0, 1."""
    lines = [{"text": f"t{i}", "label": i % 60, "part": "a" if i % 60 < 2 else "b"} for i in range(120)]
    path = _file(tmp_path, "x.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    for config in ({"subset": True}, {"where": ("part=a",)}):
        with pytest.raises(DataError, match="the labels are numbers"):
            _add(context, path, **config)
    mapped = _add(context, path, where=("part=a",), label_map=("0=negative,1=positive",))
    assert mapped.summary["ok"] == 4 and mapped.summary["other_values"] == 116
    mapped = _add(context, path, subset=True, label_map=("0=positive,1=negative",))
    assert mapped.summary["ok"] == 4 and mapped.summary["other_labels"] == 116


def test_a_first_row_that_was_taken_as_a_row_is_said(context: Context, tmp_path: Path) -> None:
    outcome = _add(context, _file(tmp_path, "x.csv", "one,negative\ntwo,positive\nthree,negative\n"))
    assert outcome.summary["no_header"] == ["x.csv"] and outcome.summary["rows"] == 3
