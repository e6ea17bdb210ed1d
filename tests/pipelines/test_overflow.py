"""A model whose numbers overflow: what it would write is no text, and no row and no answer is made of it."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from scripted import World, answers, small_task, world

from sdc.errors import EngineError
from sdc.pipelines import gen, icl
from sdc.pipelines.engines.local.decoding import Choosing
from sdc.pipelines.engines.local.transformers import TransformersEngine
from sdc.pipelines.engines.models import POCKET, Model
from sdc.pipelines.engines.protocol import UNWRITTEN, Call
from sdc.pipelines.gen.config import GenConfig
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.students.lora import LoraConfig, LoraStudent
from sdc.pipelines.students.protocol import FitFailed

PROMPTS = ("one", "two of them", "three of them all")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pocket student with weights that are finite and too large: what it computes is not finite."""
    from safetensors.torch import load_file, save_file

    copied = tmp_path_factory.mktemp("models") / "overflowing"
    shutil.copytree(POCKET / "student", copied)
    tensors = load_file(copied / "model.safetensors")
    tensors["model.norm.weight"] = torch.full_like(tensors["model.norm.weight"], torch.finfo(torch.bfloat16).max)
    save_file(tensors, copied / "model.safetensors", metadata={"format": "pt"})
    return copied


@pytest.fixture
def here(tmp_path: Path) -> World:
    return world(tmp_path / "world", task=small_task(2))


@pytest.mark.parametrize("temperature", [0.0, 0.9])
@pytest.mark.parametrize("is_plain", [False, True])
def test_what_it_writes_is_no_answer(folder: Path, *, is_plain: bool, temperature: float) -> None:
    engine = TransformersEngine(Model(name="overflowing", source=str(folder), digest="d"))
    engine._is_plain = is_plain
    calls = [Call(prompt=prompt, temperature=temperature, max_tokens=5) for prompt in PROMPTS]
    assert [(r.finish, r.text, r.reason) for r in answers(engine, calls)] == [("failed", "", UNWRITTEN)] * 3


@pytest.mark.parametrize("is_plain", [False, True])
def test_a_row_that_breaks_down_on_its_way_spoils_no_other(*, is_plain: bool) -> None:
    engine = TransformersEngine(Model(name="fine", source=str(POCKET / "student"), digest="d"))
    engine._is_plain = is_plain
    calls = [Call(prompt=prompt, max_tokens=6, stop=("never",)) for prompt in PROMPTS]
    expected = answers(engine, calls)
    passes = []

    def third_token(module: Any, inputs: Any, logits: Any) -> Any:
        passes.append(len(logits))
        return logits.index_fill(0, torch.tensor([1]), torch.nan) if passes[-3:] == [3, 3, 3] else logits

    engine._model.get_output_embeddings().register_forward_hook(third_token)
    engine.forget()
    found = answers(engine, calls)
    assert (found[1].finish, found[1].reason) == ("failed", UNWRITTEN)
    assert [found[i].text for i in (0, 2)] == [expected[i].text for i in (0, 2)]


def test_tokens_may_be_ruled_out_and_others_must_be_numbers() -> None:
    inf, nan = torch.inf, torch.nan
    logits_BV = torch.tensor([[1.0, 2.0], [-inf, 0.0], [nan, 1.0], [inf, 1.0], [-inf, -inf]])
    choose = Choosing([Call(prompt="")] * 5, [[0]] * 5, device="cpu")
    assert choose(logits_BV)[:2].tolist() == [1, 1]
    assert choose.unfit == [False, False, True, True, True]


def test_icl_has_no_result(folder: Path, here: World) -> None:
    config = IclConfig(model=str(folder), shots=0, decoding="generate")
    with pytest.raises(EngineError, match=f"the run failed .6 of 6 test rows were not answered .{UNWRITTEN}") as caught:
        icl.run(here.context, config, here.cell, draws=[], test=here.test)
    assert "\n" not in str(caught.value)
    assert here.store.query("select status from runs") == [("failed",)]
    assert here.store.query("select count(*) from outputs where reply is not null or scores is not null") == [(0,)]


def test_gen_writes_no_row(folder: Path, here: World) -> None:
    config = GenConfig(model=str(folder), quota=2, num_texts=1, num_seeds=1)
    with pytest.raises(EngineError, match="the model wrote nothing usable for en/small"):
        gen.run(here.context, config, here.cell, data=here.train)
    assert here.store.query("select count(*) from examples where source = 'synthetic'") == [(0,)]


def test_a_tuned_student_failed(folder: Path, here: World) -> None:
    model = Model(name="overflowing", source=str(folder), digest="d")
    student = LoraStudent(LoraConfig(steps=1, decoding="generate"), model, here.cell.task)
    fitted = _untrained(student)
    with pytest.raises(FitFailed, match=UNWRITTEN):
        fitted.answers(["a text"])


def _untrained(student: LoraStudent) -> Any:
    from sdc.pipelines.students.lora.tuned import FittedAdapter

    engine, instructions = student._loaded()
    return FittedAdapter(
        engine, instructions, student.config, labels=("first", "second"), base=student._source,
        values_P=engine.adapters.initial(0), details={},
    )  # fmt: skip
