"""icl with a student that was instruction-tuned before, named by the run that tuned it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from scripted import World, add_import, small_task, world

from sdc.cache.store import Artifact
from sdc.errors import UsageError
from sdc.pipelines import eval as evaluation
from sdc.pipelines import icl, report, sample, train
from sdc.pipelines.engines import models
from sdc.pipelines.engines.local.transformers import TransformersEngine
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.eval import EvalConfig
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.records.draws import Draw, draws_of
from sdc.pipelines.report import ReportConfig
from sdc.pipelines.sample.config import SampleConfig
from sdc.pipelines.students.linear import LinearConfig
from sdc.pipelines.students.lora import LoraConfig
from sdc.pipelines.train import TrainConfig

TASK = small_task(2)
QUICK = LoraConfig(steps=12, learning_rate=5e-3, early_stopping=False)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> World:
    return world(tmp_path_factory.mktemp("tuned") / "world", task=TASK)


@pytest.fixture(scope="module")
def draws(here: World) -> list[Draw]:
    rows = [(f"{('rain', 'goat')[i % 2]} number {i}", i % 2) for i in range(24)]
    generation = add_import(here.store, here.cell, rows)
    config = SampleConfig(source="synthetic", sizes=("all",), repeats=1)
    return draws_of(here.context, here.get(sample.run(here.context, config, here.cell, examples=generation)))


def trained(here: World, draws: list[Draw], **settings: Any) -> Artifact:
    config = TrainConfig(**{"student": QUICK, **settings})
    return here.get(train.run(here.context, config, here.cell, draws=draws, test=here.test)[0])


@pytest.fixture(scope="module")
def tuned(here: World, draws: list[Draw]) -> Artifact:
    return trained(here, draws, keep_weights=True)


def prompted(here: World, draws: list[Draw], model: str, **settings: Any) -> dict[str, Any]:
    config = IclConfig(model=model, **settings)
    (outcome,) = icl.run(here.context, config, here.cell, draws=draws, test=here.test)
    ((method, name, num_shots, details),) = here.store.query(
        "select method, model, num_shots, details from runs where key = ?", [outcome.key]
    )
    found = here.store.query("select idx, scores from outputs where key = ? order by idx", [outcome.key])
    about = {"key": outcome.key, "hit": outcome.hit, "method": method, "model": name, "num_shots": num_shots}
    return {**about, "details": json.loads(details), "scores": [row for _, row in found]}


def test_b5_the_tuned_model_is_asked_with_real_shots(
    here: World, draws: list[Draw], tuned: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The released script's "ICL after instruction tuning" asks the zero-shot prompts again."""
    asked: list[str] = []
    answer = TransformersEngine.answer

    def spy(self: TransformersEngine, calls: Sequence[Call]) -> Iterator[Mapping[int, Reply]]:
        asked.extend(call.prompt for call in calls)
        yield from answer(self, calls)

    monkeypatch.setattr(TransformersEngine, "answer", spy)
    name = f"{models.STUDENT}+{tuned.short}"
    few = prompted(here, draws, name, shots=2)
    assert (few["method"], few["model"], few["num_shots"]) == ("icl", name, 2)
    texts = {f"{('rain', 'goat')[i % 2]} number {i}": ("first", "second")[i % 2] for i in range(24)}
    assert len(asked) == 6
    for prompt in asked:
        pairs = [part.split("\nLabel: ") for part in prompt.split("Sentence: ")[1:-1]]
        assert len(pairs) == 4
        assert all(texts[text] == label.strip() for text, label in pairs)
    zero = prompted(here, draws, name, shots=0)
    assert zero["details"]["shots"] == []
    untuned = prompted(here, draws, models.STUDENT, shots=2)
    assert few["scores"] != zero["scores"]
    assert few["scores"] != untuned["scores"]
    assert few["details"]["shots"] == untuned["details"]["shots"]
    assert few["details"]["label_tokens"] == untuned["details"]["label_tokens"]


def test_zero_shot_it_says_what_training_kept(here: World, draws: list[Draw], tuned: Artifact) -> None:
    zero = prompted(here, draws, f"{models.STUDENT}+{tuned.key}", shots=0)
    kept = here.store.query("select scores from outputs where key = ? order by idx", [tuned.key])
    for mine, (theirs,) in zip(zero["scores"], kept, strict=True):
        assert mine == pytest.approx(theirs, abs=1e-3)
    ((details,),) = here.store.query("select details from runs where key = ?", [tuned.key])
    assert json.loads(details)["label_tokens"] == zero["details"]["label_tokens"]


def test_an_adapter_is_the_same_model_by_its_key_and_by_its_folder(
    here: World, draws: list[Draw], tuned: Artifact, tmp_path: Path
) -> None:
    by_key = models.resolve(here.store, f"{models.STUDENT}+{tuned.short}")
    for name, found in here.store.query("select name, digest from blobs where key = ?", [tuned.key]):
        (tmp_path / name).write_bytes(here.store.blobs.path(found).read_bytes())
    by_folder = models.resolve(here.store, f"{models.STUDENT}+{tmp_path}")
    assert by_key.identity() == by_folder.identity()
    assert by_key.folder == by_key.name == f"{models.STUDENT}+{tuned.short}"
    first = prompted(here, draws, by_key.name, shots=1)
    again = prompted(here, draws, str(by_folder.folder), shots=1)
    assert (first["key"], first["hit"], again["hit"]) == (again["key"], False, True)


def test_runs_that_left_no_adapter_are_one_line(here: World, draws: list[Draw], tuned: Artifact) -> None:
    lost = trained(here, draws, student=replace(QUICK, steps=2))
    linear = trained(here, draws, student=LinearConfig(), keep_weights=True)
    for name, message in (
        (f"{models.STUDENT}+{lost.short}", r"weights of run \w+ are not kept; .*--keep-weights"),
        (f"{models.STUDENT}+{linear.short}", r"trained no adapter \(linear\)"),
        (f"{models.TEACHER}+{tuned.short}", r"did not train pocket-teacher"),
        (f"{models.STUDENT}+{here.test.short}", "data"),
        (f"{models.STUDENT}+abcdef", "abcdef"),
    ):
        with pytest.raises(UsageError, match=message) as caught:
            models.resolve(here.store, name)
        assert "\n" not in str(caught.value)


def test_the_generator_is_a_generator_with_and_without_shots(here: World, draws: list[Draw]) -> None:
    keys = [prompted(here, draws, models.TEACHER, shots=shots)["key"] for shots in (0, 2)]
    keys.append(prompted(here, draws, models.STUDENT, shots=2)["key"])
    pairs = [(here.cell, artifact) for artifact in here.store.resolve_many(keys)]
    evaluation.run(here.context, EvalConfig(), pairs)
    rows = report.run(here.context, ReportConfig(generator=models.TEACHER), wanted=[(here.cell.lang, TASK.name)])
    found = {(row.model, row.shots): row for row in rows if row.method == "icl"}
    zero, few, student = (found[who] for who in ((models.TEACHER, 0), (models.TEACHER, 2), (models.STUDENT, 2)))
    assert [row.role for row in (zero, few, student)] == ["generator", "generator", ""]
    assert zero.difference is None
    assert few.mean is not None
    assert zero.mean is not None
    assert few.reference == student.reference == zero.mean
    assert few.difference == few.mean - zero.mean
