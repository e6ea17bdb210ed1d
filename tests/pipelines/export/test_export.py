"""export: what other libraries make of the folder, what stands on its card, and when there is no folder."""

import dataclasses
import importlib.util
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import program
import pytest
import trained
from trained import Trained

from sdc.cache import scratch, upkeep
from sdc.cache.key import recipe_key
from sdc.cache.verify import verify
from sdc.errors import DataError, EngineError, SdcError, StoreError, UsageError
from sdc.pipelines import export, tasks
from sdc.pipelines.engines import models
from sdc.pipelines.export import ExportConfig, card
from sdc.pipelines.export import onnx as onnx_forms
from sdc.pipelines.predict import exported, predictors
from sdc.pipelines.readers.softmax import softmax
from sdc.pipelines.students import FinetuneConfig, LinearConfig, LoraConfig
from sdc.pipelines.students.finetune import onnx as form

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def first_linear(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained.make(tmp_path_factory.mktemp("linear"), LinearConfig(), keep_weights=True)


@pytest.fixture
def linear(first_linear: Trained, tmp_path: Path) -> Trained:
    return trained.copy(first_linear, tmp_path / "linear")


@pytest.fixture(scope="module")
def tuned(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    student = FinetuneConfig(model=str(bert), epochs=12, learning_rate=1e-2, batch_size=8, precision="fp32")
    return trained.make(tmp_path_factory.mktemp("tuned"), student, keep_weights=True)


def _export(run: Trained, out: Path, **config: Any) -> dict[str, Any]:
    return export.run(run.world.context, ExportConfig(out=out, **config), run.run)


def _answers(run: Trained, out: Path, precision: str | None = None, base: str | None = None) -> list[Any]:
    texts = [text for text, _, _ in run.stored()]
    with exported.of_folder(run.world.context, out, precision=precision, base=base) as predictor:
        assert predictor.task == run.run.cell.task
        return predictor.answers(texts)


def _check_same(run: Trained, out: Path, *, most: float) -> None:
    """What the folder says is what the store has."""
    for (_, scores, _), answer in zip(run.stored(), _answers(run, out), strict=True):
        assert answer["scores"] == pytest.approx(scores, abs=most)


# -- the folder for other libraries --------------------------------------------------------------------------------


def _check_pipeline(run: Trained, out: Path, **options: Any) -> None:
    from transformers import pipeline

    classify: Any = pipeline("text-classification", str(out), top_k=None)
    stored = run.stored()
    names = run.run.cell.task.label_names
    found = classify([text for text, _, _ in stored], truncation=True, **options)
    for (_, scores, _), row in zip(stored, found, strict=True):
        expected = softmax(scores)
        assert expected is not None
        assert row[0]["label"] == names[scores.index(max(scores))]
        assert {item["label"]: item["score"] for item in row} == pytest.approx(
            dict(zip(names, expected, strict=True)), abs=1e-4
        )


def test_a_fine_tuned_run_is_a_pipeline_with_the_labels_of_the_task(tuned: Trained, tmp_path: Path) -> None:
    made = _export(tuned, tmp_path / "out")
    assert made["method"] == "finetune"
    _check_pipeline(tuned, tmp_path / "out")
    _check_same(tuned, tmp_path / "out", most=1e-5)
    assert {path.suffix for path in (tmp_path / "out").iterdir()} <= {".json", ".safetensors", ".md", ".txt", ".jinja"}
    config = json.loads((tmp_path / "out" / "config.json").read_text("utf-8"))
    assert (config["id2label"], config["label2id"]) == ({"0": "first", "1": "second"}, {"first": 0, "second": 1})


def test_a_long_text_is_cut_as_in_training(tuned: Trained, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    _export(tuned, tmp_path / "out")
    tokenizer: Any = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.model_max_length == 32  # the tokenizer's own; the config has 40 positions, the run 256


def test_a_decoder_without_padding_token_is_a_pipeline_with_batches(llama: Path, tmp_path: Path) -> None:
    student = FinetuneConfig(model=str(llama), epochs=2, learning_rate=1e-2, batch_size=8, precision="fp32")
    run = trained.make(tmp_path / "w", student)
    _export(run, tmp_path / "out")
    _check_pipeline(run, tmp_path / "out", batch_size=4)
    _check_same(run, tmp_path / "out", most=1e-5)


def test_a_linear_run_is_safetensors_and_json(linear: Trained, tmp_path: Path) -> None:
    _export(linear, tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"linear.json", "linear.safetensors", "sdc.json", "recipe.json", "README.md"}
    _check_same(linear, tmp_path / "out", most=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")  # peft asks for it
def test_an_adapter_loads_with_plain_peft_and_gives_the_stored_scores(tmp_path: Path) -> None:
    import peft
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from sdc.pipelines import prompts

    run = trained.make(tmp_path / "w", LoraConfig(steps=8, learning_rate=5e-3, eval_steps=2))
    out = tmp_path / "out"
    _export(run, out)
    base = models.POCKET / "student"
    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    plain: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    alone = _likelihoods(plain, tokenizer, run, prompts.classify)
    model: Any = peft.PeftModel.from_pretrained(plain, str(out)).eval()
    adapted = _likelihoods(model, tokenizer, run, prompts.classify)
    for (_, scores, _), row, without in zip(run.stored(), adapted, alone, strict=True):
        assert row == pytest.approx(scores, abs=2e-3)
        assert without != pytest.approx(scores, abs=0.1)  # the adapter does something
    _check_same(run, out, most=2e-3)
    assert json.loads((out / "adapter_config.json").read_text("utf-8"))["peft_type"] == "LORA"


def _likelihoods(model: Any, tokenizer: Any, run: Trained, prompt: Callable[..., str]) -> list[list[float]]:
    """Returns the log-likelihood of every label as the answer, one unpadded row at a time."""
    import torch

    found = []
    for text, _, _ in run.stored():
        message = [{"role": "user", "content": prompt(run.run.cell.task, text=text)}]
        ids = tokenizer.apply_chat_template(message, add_generation_prompt=True, return_dict=True)["input_ids"]
        row = []
        for name in run.run.cell.task.label_names:
            answer = [*tokenizer(name, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([[*ids, *answer]])).logits[0]
            logp = logits[len(ids) - 1 : -1].log_softmax(-1)
            row.append(logp[torch.arange(len(answer)), torch.tensor(answer)].sum().item())
        found.append(row)
    return found


def test_an_icl_run_has_nothing_to_export(linear: Trained, tmp_path: Path) -> None:
    prompted = dataclasses.replace(linear.run, method="icl")
    with pytest.raises(UsageError, match="has no weights of its own; use `sdc predict --run`"):
        export.run(linear.world.context, ExportConfig(out=tmp_path / "out"), prompted)


# -- ONNX ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("family", ["bert", "llama"])
def test_onnx_says_what_the_run_said(
    family: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure, seen = onnx_forms._labels, list[list[str]]()

    def labels(record: Any, folder: Path, texts: Any, precision: str) -> Any:
        seen.append(list(texts))
        return measure(record, folder, texts, precision)

    monkeypatch.setattr(onnx_forms, "_labels", labels)
    model = str(request.getfixturevalue(family))
    student = FinetuneConfig(model=model, epochs=12, learning_rate=1e-2, batch_size=8, precision="fp32")
    # A bias is in the head that both forms are made from; one of the two families has one.
    of_seeds: dict[str, Any] = {"seeds": 2, "calibrate": "seeds"} if family == "bert" else {}
    run = trained.make(tmp_path / "w", student, **of_seeds)
    out = tmp_path / "out"
    made = _export(run, out, onnx=True)
    tests = {text for text, _, _ in run.stored()}
    assert len(seen) >= 2
    assert all(texts and not tests & set(texts) for texts in seen), "the int8 form is chosen on training rows"
    assert family != "bert" or abs(run.run.details["bias"][0]) > 0.01
    measured = json.loads((out / "onnx" / "measured.json").read_text("utf-8"))
    assert made["onnx"] == measured
    assert _export(run, out, onnx=True) == made | {"hit": True}
    assert [item["precision"] for item in measured] == ["fp32", "int8"]
    stored = [scores.index(max(scores)) for _, scores, _ in run.stored()]
    for item in measured:
        answers = _answers(run, out, item["precision"])
        said = [answer["scores"].index(max(answer["scores"])) for answer in answers]
        agreement = sum(a == b for a, b in zip(said, stored, strict=True)) / len(stored)
        assert (item["rows"], item["agreement"]) == (40, agreement)
        # int8 is chosen on training rows; of a toy's 40 test rows, one that is near 50 : 50 may turn over.
        assert item["agreement"] >= (1 if item["precision"] == "fp32" else 0.95)
        assert item["accuracy"] == pytest.approx(item["accuracy_difference"] + _accuracy(run), abs=1e-6)
        assert all(sum(map(math.exp, answer["scores"])) == pytest.approx(1, abs=1e-6) for answer in answers)
        text = (out / "README.md").read_text("utf-8")
        assert f"| {item['precision']} | `{item['file']}` | {100 * item['agreement']:.2f} % |" in text
    assert measured[0]["largest_difference"] < 1e-4
    assert measured[1]["bytes"] < measured[0]["bytes"] or family == "bert"  # a toy is mostly graph
    with pytest.raises(UsageError, match="unknown precision 'fp16'"):
        _answers(run, out, "fp16")
    (out / "onnx" / "model.onnx").write_bytes(b"no model")
    with pytest.raises(EngineError, match="onnxruntime cannot load the model"):
        _answers(run, out, "fp32")


def _accuracy(run: Trained) -> float:
    return float(run.evaluation.summary["accuracy"])


def test_methods_without_onnx_say_so(linear: Trained, tuned: Trained, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="method linear has no ONNX form: its n-grams"):
        _export(linear, tmp_path / "out", onnx=True)
    assert not (tmp_path / "out").exists()
    _export(linear, tmp_path / "out")
    with pytest.raises(UsageError, match="method linear has no ONNX form"):
        _answers(linear, tmp_path / "out", "fp32")
    _export(tuned, tmp_path / "tuned")
    with pytest.raises(UsageError, match=r"has no onnx/model.onnx; export it with `sdc export --onnx`"):
        _answers(tuned, tmp_path / "tuned", "fp32")


def test_without_the_extra_one_line_says_how_to_install_it(
    tuned: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        form, "find_spec", lambda name: None if name == "onnxscript" else importlib.util.find_spec(name)
    )
    with pytest.raises(
        EngineError, match=r"--onnx needs onnxscript, .*; install it with `pip install -e '.\[onnx\]'` in"
    ):
        _export(tuned, tmp_path / "out", onnx=True)


def test_test_rows_that_are_gone_cannot_be_measured(tuned: Trained, tmp_path: Path) -> None:
    run = trained.copy(tuned, tmp_path / "w")
    with run.world.store.open(write=True) as con:
        con.execute("delete from examples where split = 'test'")
    with pytest.raises(DataError, match="ONNX cannot be measured"):
        _export(run, tmp_path / "out", onnx=True)
    assert not (tmp_path / "out").exists()


# -- the card ------------------------------------------------------------------------------------------------------


def _front(out: Path) -> dict[str, Any]:
    from huggingface_hub import ModelCard

    found: dict[str, Any] = ModelCard.load(out / "README.md").data.to_dict()
    return found


def test_the_card_has_lineage_metrics_costs_and_licences(tuned: Trained, tmp_path: Path) -> None:
    _export(tuned, tmp_path / "out", licence="cc-by-4.0")
    front = _front(tmp_path / "out")
    assert (front["language"], front["license"], front["pipeline_tag"]) == (["en"], "cc-by-4.0", "text-classification")
    assert front["tags"] == ["sdc", "finetune", "small", "synthetic"]
    (index,) = front["model-index"]
    values = {item["type"]: item["value"] for item in index["results"][0]["metrics"]}
    summary = tuned.evaluation.summary
    assert values == pytest.approx({"accuracy": summary["accuracy"], "f1": summary["macro_f1"]}, abs=1e-4)
    text = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "bias" not in text
    for part in (
        " --calibrate none ",
        f"| accuracy | {100 * summary['accuracy']:.1f} % (", "| majority rate (always the commonest label) | 50.0 % |",
        "0 written by people, 24 synthetic", tuned.run.test_key[:12], tuned.sample.short, "| base model | bert",
        "This classifier: cc-by-4.0", "| unknown |", 'classify = pipeline("text-classification", "FOLDER")',
        "Method finetune, from bert", f"sdc export --run {tuned.run.short} --out FOLDER",
    ):  # fmt: skip
        assert part in text, part
    for item in json.loads((tmp_path / "out" / "recipe.json").read_text("utf-8")):
        key = item.pop("key")
        lang, task = item.pop("lang"), item.pop("task")
        assert key == recipe_key(item["stage"], item["version"], item["config"], item["inputs"], lang=lang, task=task)


def test_the_card_names_the_bias_and_the_folder_has_it(tmp_path: Path) -> None:
    run = trained.make(tmp_path / "w", LinearConfig(), seeds=4, calibrate="seeds", keep_weights=True)
    _export(run, tmp_path / "out")
    bias = run.run.details["bias"]
    assert bias[1] > 0.1  # most synthetic rows have the other label
    text = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert f"- Its scores have a bias ({bias[1] - bias[0]:+.2f} towards second, from 8 seed rows)" in text
    assert " --calibrate seeds" in text
    _check_same(run, tmp_path / "out", most=1e-6)


def test_what_is_not_known_is_unknown(linear: Trained, tmp_path: Path) -> None:
    with linear.world.store.open(write=True) as con:
        con.execute("delete from artifacts where stage in ('eval', 'sample')")
        con.execute("delete from metrics")
        con.execute("delete from draws")
    _export(linear, tmp_path / "out")
    front = _front(tmp_path / "out")
    assert front["license"] == "unknown"
    assert "model-index" not in front
    text = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "| accuracy | unknown |" in text
    assert "unknown written by people, unknown synthetic" in text
    assert f"not evaluated yet, `sdc eval {linear.run.short}` does it" in text
    assert "sdc train" not in text


@pytest.mark.parametrize(
    ("licence", "front"),
    [
        ("apache-2.0", {"license": "apache-2.0"}),
        ("Our own: ask --- \u2028 us", {"license": "other", "license_name": "Our own: ask --- \u2028 us"}),
        (None, {"license": "unknown"}),
    ],
)
def test_licences_stand_as_the_hub_reads_them(
    linear: Trained, tmp_path: Path, licence: str | None, front: dict[str, str]
) -> None:
    _export(linear, tmp_path / "out", licence=licence)
    assert {name: value for name, value in _front(tmp_path / "out").items() if name.startswith("license")} == front


def test_names_cannot_break_out_of_the_card(tmp_path: Path) -> None:
    names = ["a|b", "<img src=x>", "[x](http://y)", "**`c`"]
    raw = {
        "name": "odd",
        "instruction": "{options}",
        "labels": [{"name": name, "description": "x\n---\n# y"} for name in names],
    }
    run = trained.make(tmp_path / "w", LinearConfig(), task=tasks.from_mapping(raw, where="test"))
    _export(run, tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "\n# y" not in text
    assert "<img" not in text.replace("\\<img", "")
    assert "](http" not in text.replace("\\](http", "")
    lines = [line for line in text.splitlines() if line.startswith(("| 0 |", "| 1 |", "| 2 |", "| 3 |"))]
    assert len(lines) == 4
    assert all(line.replace("\\|", "").count("|") == 4 for line in lines)
    assert _front(tmp_path / "out")["tags"][2] == "odd"


def test_the_command_on_the_card_makes_this_run(
    tuned: Trained, bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shlex

    _export(tuned, tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text("utf-8")
    command = next(line for line in text.splitlines() if line.startswith("sdc train"))
    monkeypatch.chdir(bert.parent)  # the folder of a user's own model goes by its name
    words = [*shlex.split(command)[1:], "--dry-run", "--json", "--store", str(tuned.world.store.path)]
    result = program.sdc(words)
    assert result.exit_code == 0, result.stderr
    (planned,) = map(json.loads, result.stdout.splitlines())
    assert (planned["key"], planned["cached"]) == (tuned.run.short, True)


# -- when there is no folder -----------------------------------------------------------------------------------------


def test_a_folder_in_use_is_left_alone(linear: Trained, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    _export(linear, out)  # an empty one is as good as none
    first = (out / "README.md").read_text("utf-8")
    (out / "extra").write_text("x")
    with pytest.raises(UsageError, match="of which extra was changed since; name another one, or replace it with --fo"):
        _export(linear, out)
    _export(linear, out, force=True, licence="mit")
    assert not (out / "extra").exists()
    assert (out / "README.md").read_text("utf-8") != first
    (out / "sdc.json").unlink()
    with pytest.raises(UsageError, match="the folder is not empty; name another one, or replace it with --force"):
        _export(linear, out)
    with pytest.raises(UsageError, match="is no earlier export"):
        _export(linear, out, force=True)
    assert (out / "README.md").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_an_export_that_is_there_as_it_would_be_made_stays(linear: Trained, tmp_path: Path) -> None:
    """As of a command that was killed when all was done."""
    out = tmp_path / "out"
    made = _export(linear, out, licence="mit")
    files = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert _export(linear, out, licence="mit") == made | {"hit": True}
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == files
    with pytest.raises(UsageError, match=r"an export of this run with another licence in sdc\.json; name another one"):
        _export(linear, out)


def _evaluated_again(run: Trained, out: Path) -> None:
    with run.world.store.open(write=True) as con:
        con.execute("update metrics set value = 0.125 where metric = 'accuracy'")


def _fitted_again(run: Trained, out: Path) -> None:
    with run.world.store.open(write=True) as con:
        con.execute("update artifacts set content = 'other' where stage = 'train'")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run, out: (out / "linear.json").write_text("{}"), "of which linear.json was changed since"),
        (lambda run, out: (out / "linear.json").unlink(), "of which linear.json was changed since"),
        (lambda run, out: (out / "README.md").write_text("mine"), "of which README.md was changed since"),
        (_evaluated_again, "whose README.md would say something else today"),
        (_fitted_again, "with another content in sdc.json"),
    ],
)
def test_an_export_that_is_another_is_no_hit(
    linear: Trained, tmp_path: Path, change: Callable[[Trained, Path], None], message: str
) -> None:
    out = tmp_path / "out"
    _export(linear, out)
    change(linear, out)
    with pytest.raises(UsageError, match=f"has an export of this run {message}; name another one, or replace it with"):
        _export(linear, out)
    assert not _export(linear, out, force=True)["hit"]
    assert _export(linear, out)["hit"]


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        ("linear/store.duckdb", UsageError, "there is a file of that name"),
        ("linear/store.duckdb/x", StoreError, "cannot write the folder"),
        ("a\0b", StoreError, "cannot write the folder"),
        ("x" * 300, StoreError, "cannot write the folder"),
    ],
)
def test_places_that_cannot_be_written(
    linear: Trained, tmp_path: Path, out: str, error: type[SdcError], message: str
) -> None:
    with pytest.raises(error, match=message):
        _export(linear, tmp_path / out)


@pytest.mark.parametrize("licence", ["", " ", "a\nb", "x" * 300])
def test_texts_that_are_no_licence(linear: Trained, tmp_path: Path, licence: str) -> None:
    with pytest.raises(UsageError, match="is no licence"):
        _export(linear, tmp_path / "out", licence=licence)


@pytest.mark.parametrize("name", ["../victim", "{absolute}", "linear.json/../../victim", "a/../../victim"])
def test_a_stored_name_writes_no_file_outside(linear: Trained, tmp_path: Path, name: str) -> None:
    """Whoever made the store may have prepared it: the names of its files are not to be followed."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    with linear.world.store.open(write=True) as con:
        con.execute("update blobs set name = ? where name = 'linear.json'", [name.replace("{absolute}", str(victim))])
    for act in (
        lambda: _export(linear, tmp_path / "out"),
        lambda: _predict(linear),
    ):
        with pytest.raises(StoreError, match="have names that are none"):
            act()
    assert victim.read_text() == "mine"
    assert not (tmp_path / "out").exists()


def _predict(run: Trained) -> None:
    with predictors.of_run(run.world.context, run.run, base=None, keep_weights=False) as predictor:
        predictor.answers(["x"])


def test_a_failure_leaves_nothing(linear: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*arguments: Any, **options: Any) -> str:
        raise KeyboardInterrupt

    place = tmp_path / "place"
    _export(linear, place / "old")
    before = (place / "old" / "README.md").read_text("utf-8")
    monkeypatch.setattr(card, "render", stop)
    with pytest.raises(KeyboardInterrupt):
        _export(linear, place / "new")
    with pytest.raises(KeyboardInterrupt):
        _export(linear, place / "old", force=True)
    assert [path.name for path in place.iterdir()] == ["old"]
    assert (place / "old" / "README.md").read_text("utf-8") == before


_KILLED = """
import os, sys
from pathlib import Path
from sdc.pipelines.export import folder
with folder.writing(Path(sys.argv[1]), force=False) as out:
    (out / "half").write_text("x")
    os.kill(os.getpid(), 9)
"""


def test_after_a_kill_there_is_no_half_folder_and_the_next_export_cleans_up(linear: Trained, tmp_path: Path) -> None:
    out = tmp_path / "place" / "out"
    done = subprocess.run([sys.executable, "-c", _KILLED, str(out)], check=False)
    assert done.returncode == -9
    assert not out.exists()
    (left,) = out.parent.iterdir()
    assert left.name.startswith(".out.") and left.name.endswith(".tmp")
    with scratch.beside(out, None) as running:  # of a process that is still at work
        _export(linear, out)
        assert {path.name for path in out.parent.iterdir()} == {"out", running.name}


def test_store_gc_finds_what_killed_commands_left(
    linear: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = """
import os, sys
from pathlib import Path
from sdc.cache import scratch
from sdc.cache.store import Store
from sdc.pipelines.export import folder
notes = Store(Path(sys.argv[1])).place.exports
with folder.writing(Path(sys.argv[2]), force=False, notes=notes) as out, scratch.folder("weights") as weights:
    (out / "half").write_text("x")
    (weights / "model").write_text("x")
    os.kill(os.getpid(), 9)
"""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    store = linear.world.store
    command = [sys.executable, "-c", program, str(store.path), str(tmp_path / "place" / "out")]
    subprocess.run(command, check=False, env={**os.environ, "TMPDIR": str(temporary)})
    left = [*(tmp_path / "place").iterdir(), *temporary.iterdir()]
    assert len(left) == 2
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with scratch.folder("weights") as running:
        notes = verify(store).notes
        assert all(any(str(path) in line for line in notes) for path in left)
        assert not any(str(running) in line for line in notes)
        assert upkeep.gc(store, dry_run=True, grace_s=0).temporary_files == 3  # with the note
        upkeep.gc(store, grace_s=0)
        assert running.is_dir()
    assert not any(path.exists() for path in left)
    assert verify(store).notes == ()


def test_store_gc_removes_no_folder_that_a_person_made(
    linear: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    made = [temporary / name for name in ("sdc-work-2026", "sdc-kills-k3j_x9", "sdc-weights-ab12cd34", "sdc")]
    for path in made:
        path.mkdir(parents=True)
        (path / "results.csv").write_text("x")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    assert verify(linear.world.store).notes == ()
    upkeep.gc(linear.world.store, grace_s=0)
    assert sorted(temporary.iterdir()) == sorted(made)


def test_a_note_in_a_store_removes_nothing_else(linear: Trained, tmp_path: Path) -> None:
    store, mine = linear.world.store, tmp_path / "mine"
    mine.mkdir()
    store.place.exports.mkdir(parents=True)
    for number, path in enumerate((mine, tmp_path / "mine" / "..", Path("/"), Path("relative.tmp"))):
        (store.place.exports / f"{number:016x}").write_text(str(path))
    (store.place.exports / "x").write_text(f"{mine}.x.tmp")
    upkeep.gc(store, grace_s=0)
    assert mine.is_dir()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda out: (out / "sdc.json").unlink(), r"is no export \(sdc.json is missing\)"),
        (lambda out: (out / "sdc.json").write_text("[]"), "not what `sdc export` writes"),
        (lambda out: (out / "sdc.json").write_text("{"), "cannot be read"),
        (lambda out: _edit(out, format=9), "has format 9"),
        (lambda out: _edit(out, method="svm"), "and method 'svm'"),
        (lambda out: _edit(out, settings=[]), "not what `sdc export` writes"),
        (lambda out: _edit(out, method="finetune", settings={}), "not what `sdc export` writes"),
        (lambda out: _edit(out, method="lora", settings={"rank": "x"}, base={}), "not what `sdc export` writes"),
        (lambda out: _edit(out, task={"name": "x"}), "'instruction' is missing"),
        (lambda out: (out / "linear.safetensors").write_bytes(b"x"), "cannot read the weights"),
        (lambda out: (out / "linear.json").write_text("{}"), "cannot read the weights"),
        (lambda out: _labels(out, 1), r"cannot read the weights \(the labels of the weights are not 1 ids from 0\)"),
        (lambda out: (out / "linear.json").unlink(), "cannot read the weights"),
    ],
)
def test_damaged_folders_are_one_line(
    linear: Trained, tmp_path: Path, change: Callable[[Path], Any], message: str
) -> None:
    _export(linear, tmp_path / "out")
    change(tmp_path / "out")
    with pytest.raises(SdcError, match=message):
        _answers(linear, tmp_path / "out")


def _labels(out: Path, number: int) -> None:
    """Says that the linear student in an exported folder has so many labels."""
    path = out / "linear.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "num_labels": number}), "utf-8")


def _edit(out: Path, **values: Any) -> None:
    about = json.loads((out / "sdc.json").read_text("utf-8"))
    (out / "sdc.json").write_text(json.dumps({**about, **values}))
