"""Local copies that hold many languages: the one that was asked for comes in, or none."""

import json
from pathlib import Path
from typing import Any

import pytest

from sdc.cache.store import Store
from sdc.errors import DataError
from sdc.pipelines import data
from sdc.pipelines.cells import Cell
from sdc.pipelines.stage import Context
from sdc.pipelines.tasks import languages, load

CARD = "---\nconfigs:\n{}---\n"
CONFIG = """- config_name: {name}
  data_files:
  - split: train
    path: {folder}/train.tsv
  - split: test
    path: {folder}/test.tsv
"""
FEATURES = """---
dataset_info:
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': positive
          '1': negative
---
"""


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(store=Store(tmp_path / "store.duckdb"))


def _cell(lang: str, task: str = "sentiment") -> Cell:
    return Cell(language=languages.load(lang), task=load(task))


def _write(path: Path, lang: str, *, column: str = "label", rows: int = 3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mark = "\t" if path.suffix == ".tsv" else ","
    lines = [f"text{mark}{column}"] + [f"{lang} text {i} of {path.stem}{mark}{i % 2}" for i in range(rows)]
    path.write_text("\n".join(lines) + "\n")


def _texts(context: Context, cell: Cell, folder: Path) -> list[list[str]]:
    """Returns the language that each text is in, by split."""
    found = data.fetch(context, [cell], folder=folder)
    sql = "select text from examples where key = ? order by idx"
    return [[text.split()[0] for (text,) in context.store.query(sql, [outcome.key])] for outcome in found]


@pytest.mark.parametrize("yoruba", ["yo", "yor", "yor_Latn", "yo_NG", "yoruba", "yoruba_sa", "YO"])
@pytest.mark.parametrize(
    "place", ["{lang}/{split}.tsv", "data/{lang}/{split}.tsv", "{lang}_{split}.csv", "{split}.{lang}.csv"]
)
def test_only_the_language_that_was_asked_for(context: Context, tmp_path: Path, yoruba: str, place: str) -> None:
    if yoruba in ("yoruba", "yoruba_sa") and not place.startswith(("{lang}/", "data")):
        pytest.skip("files are told by codes")
    for lang in ("amh", "hau", yoruba):
        for split in ("train", "test"):
            _write(tmp_path / "clone" / place.format(lang=lang, split=split), lang)
    assert _texts(context, _cell("yo"), tmp_path / "clone") == [[yoruba] * 3, [yoruba] * 3]
    with pytest.raises(DataError, match=rf"nothing in sw is there; the .* are .*{yoruba}"):
        data.fetch(context, [_cell("sw")], folder=tmp_path / "clone")


def test_one_language_alone_is_not_taken_for_another(context: Context, tmp_path: Path) -> None:
    for split in ("train", "test"):
        _write(tmp_path / "folders" / "hau" / f"{split}.tsv", "hau")
        _write(tmp_path / "files" / f"{split}.En.csv", "en")
    for folder in ("folders", "files"):
        with pytest.raises(DataError, match="nothing in yo is there"):
            data.fetch(context, [_cell("yo")], folder=tmp_path / folder)
    assert _texts(context, _cell("en"), tmp_path / "files") == [["en"] * 3, ["en"] * 3]


@pytest.mark.parametrize("lang", ["yo", "th"])
def test_configurations_of_a_card(context: Context, tmp_path: Path, lang: str) -> None:
    names = {"yo": "yor_Latn", "th": "th_TH", "sw": "swh"}
    folder = tmp_path / "clone"
    for tag in names:
        for split in ("train", "test"):
            _write(folder / f"part-{tag}0" / f"{split}.tsv", tag)
    configs = "".join(CONFIG.format(name=name, folder=f"part-{tag}0") for tag, name in names.items())
    (folder / "README.md").write_text(CARD.format(configs))
    assert _texts(context, _cell(lang), folder) == [[lang] * 3, [lang] * 3]
    with pytest.raises(DataError, match="nothing in te is there; the configurations are yor_Latn, th_TH, swh"):
        data.fetch(context, [_cell("te")], folder=folder)


def test_script_and_region_choose_between_several(context: Context, tmp_path: Path) -> None:
    for name in ("pt_BR", "pt_PT", "zho_Hans", "zho_Hant"):
        for split in ("train", "test"):
            _write(tmp_path / name / f"{split}.tsv", name)
    with pytest.raises(DataError, match="several folders fit pt: pt_BR, pt_PT"):
        data.fetch(context, [_cell("pt")], folder=tmp_path)
    assert _texts(context, _cell("pt-BR"), tmp_path) == [["pt_BR"] * 3] * 2
    assert _texts(context, _cell("zh-TW"), tmp_path) == [["zho_Hant"] * 3] * 2
    assert _texts(context, _cell("zh"), tmp_path) == [["zho_Hans"] * 3] * 2


def test_rows_of_other_languages_in_one_file_are_left_out(context: Context, tmp_path: Path) -> None:
    rows = [{"text": f"{lang} text {i}", "label": i, "locale": lang} for i in (0, 1) for lang in ("en-US", "yo-NG")]
    for split in ("train", "test"):
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert _texts(context, _cell("yo"), tmp_path) == [["yo-NG"] * 2, ["yo-NG"] * 2]
    assert data.fetch(context, [_cell("yo")], folder=tmp_path)[0].summary["other_languages"] == 2
    with pytest.raises(DataError, match="no row is in sw; column 'locale' has en-US"):
        data.fetch(context, [_cell("sw")], folder=tmp_path)


def test_a_copy_of_one_language_needs_no_name(context: Context, tmp_path: Path) -> None:
    for name in ("train.csv", "test.csv"):
        _write(tmp_path / "plain" / name, "any")
        _write(tmp_path / "deep" / "data" / name, "any")
    for folder in ("plain", "deep"):
        assert _texts(context, _cell("yo"), tmp_path / folder) == [["any"] * 3, ["any"] * 3]


def test_names_of_labels_on_a_card_count(context: Context, tmp_path: Path) -> None:
    """Ids in the files, and the names of the labels in another order than the task has them."""
    (tmp_path / "README.md").write_text(FEATURES)
    for split in ("train", "test"):
        _write(tmp_path / f"{split}.csv", "x")
    train, _ = data.fetch(context, [_cell("yo")], folder=tmp_path)
    sql = "select label_name from examples where key = ? order by idx"
    assert [name for (name,) in context.store.query(sql, [train.key])] == ["positive", "negative", "positive"]


@pytest.mark.parametrize("value", [-1, 2, None])
def test_a_label_that_the_set_does_not_name(context: Context, tmp_path: Path, value: Any) -> None:
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=["positive", "negative"])})
    for split in ("train", "test"):
        labels = [0, 1] * 5 + ([value] if value != 2 else [])
        Dataset.from_dict(
            {"text": [f"t{i}" for i in range(len(labels))], "label": labels}, features=features
        ).to_parquet(str(tmp_path / f"{split}.parquet"))
    train, _ = data.fetch(context, [_cell("yo")], folder=tmp_path)
    assert train.summary["ok"] == 10 and train.summary["statuses"].get("unlabelled", 0) == (value != 2)


def test_folders_of_languages_are_found_deeper_in_a_copy(context: Context, tmp_path: Path) -> None:
    """The layout of SIB-200's repository; all three languages came in as Yoruba."""
    for lang in ("yor_Latn", "tel_Telu", "swh_Latn"):
        for split in ("train", "dev", "test"):
            _write(tmp_path / "clone" / "data" / "annotated" / lang / f"{split}.tsv", lang)
    (tmp_path / "clone" / "src").mkdir()
    (tmp_path / "clone" / "src" / "requirements.txt").write_text("datasets\n")
    assert _texts(context, _cell("yo"), tmp_path / "clone") == [["yor_Latn"] * 3] * 2
    with pytest.raises(DataError, match=r"nothing in ha is there; the folders are .*tel_Telu, yor_Latn"):
        data.fetch(context, [_cell("ha")], folder=tmp_path / "clone")
    _write(tmp_path / "clone" / "data" / "translated" / "yor_Latn" / "train.tsv", "other")
    with pytest.raises(DataError, match="several folders fit yo: data/annotated/yor_Latn, data/translated/yor_Latn"):
        data.fetch(context, [_cell("yo")], folder=tmp_path / "clone")


def test_a_copy_may_be_named_by_a_relative_path(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for lang in ("yo", "te"):
        for split in ("train", "test"):
            _write(tmp_path / "clone" / f"{split}-{lang}.csv", lang)
    monkeypatch.chdir(tmp_path)
    assert _texts(context, _cell("yo"), Path("clone")) == [["yo"] * 3] * 2
