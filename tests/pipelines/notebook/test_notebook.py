"""notebook: Python makes and reads what the commands make and read, and says the same errors."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import program
import pytest
from scripted import ScriptedEngine, World, obliging, world

import sdc
from sdc.pipelines.notebook import frames

_NOTHING_HEAVY = """
import sys, sdc
assert sdc.__version__ and "open" in dir(sdc)
print(*sorted({"torch", "pandas", "numpy", "duckdb", "transformers", "sdc.errors", "sdc.pipelines"} & set(sys.modules)))
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = world(tmp_path, per_label=20)
    ScriptedEngine(obliging).install(monkeypatch)
    monkeypatch.setenv("SDC_STORE", str(made.store.path))
    return made


def _command(*words: str) -> list[dict[str, Any]]:
    done = program.sdc([*words, "--json"])
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_importing_sdc_imports_nothing_else() -> None:
    shown = subprocess.run([sys.executable, "-c", _NOTHING_HEAVY], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == []


def test_every_name_of_the_interface_is_there_and_no_other() -> None:
    for name in sdc.__all__:
        assert getattr(sdc, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sdc.nothing


def test_stages_make_what_the_commands_make(small: World) -> None:
    store, of_cell = sdc.open(small.store.path), ("--lang", "en", "--task", "small")
    cell: dict[str, Any] = {"lang": "en", "task": "small"}
    made = store.gen(**cell, model=small.model, quota=6, num_texts=4)
    runs: list[sdc.Outcome] = []
    steps: list[tuple[list[sdc.Outcome], tuple[str, ...]]] = [
        (made, ("gen", *of_cell, "--model", small.model, "--quota", "6", "--num-texts", "4")),
        (store.judge(made, gates=False), ("judge", made[0].key, "--no-gates")),
        (
            store.sample(**cell, source="human", sizes=[4, "all"], repeats=2),
            ("sample", *of_cell, "--source", "human", "--sizes", "4,all", "--repeats", "2"),
        ),
        (
            runs := store.train(**cell, source=["human"], sizes="4", repeats=1, calibrate="none"),
            ("train", *of_cell, "--source", "human", "--sizes", "4", "--repeats", "1", "--calibrate", "none"),
        ),
        (
            store.icl(**cell, model=small.model, shots=1, source="human", sizes="all"),
            ("icl", *of_cell, "--model", small.model, "--shots", "1", "--source", "human", "--sizes", "all"),
        ),
        (store.eval(runs), ("eval", runs[0].key)),
    ]  # fmt: skip
    for outcomes, command in steps:
        found = _command(*command)
        assert [(each["key"], each["hit"]) for each in found] == [(each.key, True) for each in outcomes], command
        assert not any(outcome.hit for outcome in outcomes), command
    assert [each.hit for each in store.judge(made, gates=False, force=True)] == [False]


def test_turns_and_pushes_are_those_of_the_commands(small: World) -> None:
    store, of_cell = sdc.open(small.store.path), ("--lang", "en", "--task", "small")
    cell: dict[str, Any] = {"lang": "en", "task": "small"}
    (made,) = store.gen(**cell, model=small.model, quota=4, num_texts=4, until_accepted=True, rounds=2)
    turns = ("--until-accepted", "--rounds", "2", "--quota", "4", "--num-texts", "4")
    (found,) = _command("gen", *of_cell, "--model", small.model, *turns)
    assert (found["key"], found["hit"]) == (made.key, True) and "accepted" in made.summary

    sent = store.push("my-org/small", made, dry_run=True)
    (same,) = _command("data", "push", "my-org/small", made.key, "--dry-run")
    assert sent == same and sent["url"] is None and "README.md" in sent["files"]


def test_a_search_and_a_tracker_are_refused_as_by_the_command(small: World) -> None:
    store = sdc.open(small.store.path)
    store.sample(lang="en", task="small", source="human", sizes=[4], repeats=1)
    with pytest.raises(sdc.UsageError, match="--hpo: only finetune has settings that are searched, and this is linear"):
        store.train(lang="en", task="small", hpo=2)
    with pytest.raises(sdc.UsageError, match="unknown tracker 'wand'"):
        store.train(lang="en", task="small", track="wand")


def test_files_come_in_as_by_the_command(small: World, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("text,label\na new one,first\nand another,second\n")
    (made,) = sdc.open().add(file, lang="en", task="small", split="test", subset=True)
    assert (made.hit, made.summary["ok"], made.summary["split"]) == (False, 2, "test")
    (again,) = _command("data", "add", str(file), "--lang", "en", "--task", "small", "--split", "test")
    assert (again["key"], again["hit"]) == (made.key, True)


def test_what_is_read_is_what_the_commands_print(small: World, tmp_path: Path) -> None:
    store = sdc.open()
    store.sample(lang="en", task="small", source="human", sizes="all", repeats=1)
    run, *_ = store.train(lang="en", task="small", keep_weights=True)
    store.eval(lang="en")
    rows = json.loads(program.sdc(["report", "--format", "json"]).stdout)
    assert store.report(frame=None) == rows
    frame = store.report(lang="en", by="method")
    assert list(frame["method"]) == [row["method"] for row in rows]
    assert list(store.report(_evaluation(store, run))["mean"].dropna()) == [row["mean"] for row in rows]

    texts = ["a text", "", None]
    found = store.predict(texts, run=run)
    (said, *_) = program.sdc(["predict", "--run", run.key, "--format", "csv"], stdin="a text\n").stdout.splitlines()[1:]
    assert [str(value) for value in found.iloc[0].drop("reason")] == [cell for cell in said.split(",") if cell]
    assert list(found["reason"])[1:] == ["the text is empty"] * 2

    made = store.export(run, tmp_path / "out", licence="cc0-1.0")
    again = store.predict(texts, model=made["out"], frame=None)
    assert [row["label"] for row in again] == [found["label"][0], None, None]
    (counted,) = store.sql("select count(*) as n from runs", frame=None)
    assert counted == {"n": 1}


def _evaluation(store: sdc.OpenStore, run: sdc.Outcome) -> str:
    (row,) = store.sql(f"select distinct key from metrics where run = '{run.key}'", frame=None)
    return str(row["key"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda store: store.gen(lang="en", task="small", quotta=1),
            "unknown setting 'quotta'; did you mean 'quota'?",
        ),
        (lambda store: store.train(lang="en", task="small", epochs=1), "method linear has no --epochs"),
        (lambda store: store.judge([]), "an empty list of keys"),
        (lambda store: store.judge("what"), "'what' is not a key"),
        (lambda store: store.gen(), "say what to work on"),
        (lambda store: store.predict(["a"]), "say what classifies"),
        (lambda store: store.sql("select 1", frame="numpy"), "frame: unknown frame 'numpy'; use one of pandas"),
        (lambda store: sdc.open(engine="none"), "unknown engine 'none'"),
        (lambda store: sdc.open(prices="nowhere.toml"), "cannot read the price table"),
    ],
)
def test_what_is_wrong_is_the_error_of_the_command(small: World, call: Any, message: str) -> None:
    with pytest.raises(sdc.UsageError) as raised:
        call(sdc.open())
    assert message in str(raised.value)


def test_a_library_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(sdc.UsageError, match="polars is not installed; `pip install polars`"):
        frames.frame(["a"], [[1]], "polars")


def test_a_frame_of_polars_takes_numbers_and_ranges() -> None:
    pytest.importorskip("polars")
    found = frames.frame(["rows", "label"], [[10, None], ["10-14", "a"]], "polars")
    assert found.to_dicts() == [{"rows": "10", "label": None}, {"rows": "10-14", "label": "a"}]


def test_what_a_command_would_say_goes_to_the_log(small: World, caplog: pytest.LogCaptureFixture) -> None:
    store = sdc.open()
    store.sample(lang="en", task="small", source="human", sizes="all", repeats=1)
    with caplog.at_level(logging.WARNING, "sdc"):
        store.train(lang="all", task="all")
    assert any("train en/small: samples human" in line for line in caplog.messages)
    said: list[str] = []
    heard = sdc.open(say=said.append)
    heard.train(lang="en", task="small")
    assert any("samples human" in line for line in said)


def test_a_cell_of_all_that_lacks_something_is_passed_over(small: World, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("text,label\nhabari moja,first\nhabari mbili,second\n")
    said: list[str] = []
    store = sdc.open(say=said.append)
    store.add(file, lang="sw", task="small", split="test")
    store.sample(lang="en", task="small", source="human", sizes="all", repeats=1)
    assert len(store.train(lang="all", task="small")) == 1
    assert "passes over sw/small: no sample draws" in said
    with pytest.raises(sdc.MissingInput, match="sw/small"):
        store.train(lang="sw", task="small")


@pytest.mark.slow
def test_the_notebook_of_the_documents_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its code cells, one after the other in one namespace, as a kernel runs them; no kernel is needed."""
    monkeypatch.chdir(tmp_path)
    found = json.loads((Path(__file__).parents[3] / "docs" / "notebook.ipynb").read_text("utf-8"))
    names: dict[str, Any] = {}
    for cell in found["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert set(names["report"]["source"].dropna()) == {"seeds", "seeds+synthetic"}
    assert names["predictions"]["label"].notna().tolist() == [True, True, False]
    assert names["predictions"]["reason"].tolist()[2] == "the text is empty"


def test_looking_tells_what_the_commands_tell_and_makes_nothing(small: World) -> None:
    store, of_cell = sdc.open(small.store.path), ("--lang", "en", "--task", "small")
    cell: dict[str, Any] = {"lang": "en", "task": "small"}
    store.judge(store.gen(**cell, model=small.model, quota=6, num_texts=4), gates=False)
    drawn = store.sample(**cell, source="human", sizes=[4], repeats=2)
    runs = store.train(drawn, repeats=1, calibrate="none")
    before = small.store.everything()
    steps: list[tuple[Any, tuple[str, ...]]] = [
        (store.dry_run("gen", **cell, model=small.model, quota=8, frame=None),
         ("gen", *of_cell, "--model", small.model, "--quota", "8")),
        (store.dry_run("judge", **cell, threshold=0.7, frame=None), ("judge", *of_cell, "--threshold", "0.7")),
        (store.dry_run("sample", **cell, source="human,synthetic", frame=None),
         ("sample", *of_cell, "--source", "human,synthetic")),
        (store.dry_run("train", drawn, calibrate="none", frame=None),
         ("train", drawn[0].key, "--calibrate", "none")),
        (store.dry_run("icl", drawn, model=small.model, shots=1, frame=None),
         ("icl", drawn[0].key, "--model", small.model, "--shots", "1")),
        (store.dry_run("eval", runs, frame=None), ("eval", runs[0].key)),
        (store.dry_run("train", drawn, method="finetune", hpo=2, frame=None),
         ("train", drawn[0].key, "--method", "finetune", "--hpo", "2")),
    ]  # fmt: skip
    for found, command in steps:
        assert found == _command(*command, "--dry-run"), command
        assert found, command
    assert store.dry_run("train", drawn, calibrate="none")["cached"].tolist() == [True, False]
    with pytest.raises(sdc.UsageError, match="unknown stage 'trian'; did you mean 'train'"):
        store.dry_run("trian", **cell)

    (seen,) = store.preview("gen", **cell, model=small.model, quota=8, most=1, frame=None)
    (same,) = _command("gen", *of_cell, "--model", small.model, "--quota", "8", "--preview", "1")
    assert seen == same and len(seen["results"]) > 0 and len(seen["prompts"]) == 2
    (seen,) = store.preview("icl", **cell, model=small.model, shots=0, most=2)
    assert len(seen["results"]) == 2
    with pytest.raises(sdc.UsageError, match="stage: unknown stage 'sample'"):
        store.preview("sample", **cell)
    with pytest.raises(sdc.UsageError, match="0 calls are no preview"):
        store.preview("gen", **cell, most=0)
    for wrong in (store.gen, store.train):
        with pytest.raises(sdc.UsageError, match=r"write store.dry_run\(STAGE"):
            wrong(**cell, dry_run=True)
    assert small.store.everything() == before
