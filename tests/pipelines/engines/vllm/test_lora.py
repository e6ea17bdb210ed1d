"""LoRA adapters in vLLM: the same replies as transformers with peft gives, and the base's where none is asked for."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pocket_calls import (
    NEEDS_VLLM,
    NOISE,
    greedy_calls,
    in_batches,
    in_vllm,
    mixed_calls,
    pocket,
    save_adapter,
    smallest_margin_before,
)
from scripted import answers

from sdc.errors import EngineError
from sdc.pipelines.engines import load
from sdc.pipelines.engines.local.transformers import TransformersEngine
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.engines.protocol import Call, Reply

pytestmark = NEEDS_VLLM


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return pocket("student", adapter=save_adapter(pocket("student"), tmp_path_factory.mktemp("adapter")))


@pytest.fixture(scope="module")
def vllm(adapted: Model) -> Iterator[Any]:
    with in_vllm(adapted) as engine:
        yield engine


def test_replies_and_scores_are_those_of_transformers_with_peft(adapted: Model, vllm: Any) -> None:
    transformers = TransformersEngine(adapted)
    calls = [call for call in greedy_calls()[::8] if call.max_tokens < 100]
    theirs, ours = in_batches(transformers, calls), answers(vllm, calls)
    different = [i for i in range(len(calls)) if theirs[i].text != ours[i].text]
    assert len(calls) >= 15
    assert len(different) <= 0.05 * len(calls)
    for i in different:
        assert smallest_margin_before(transformers, calls[i], ours[i].text) < NOISE
    scored = [call for call in mixed_calls()[::8] if call.choices]
    for their, our in zip(in_batches(transformers, scored), answers(vllm, scored), strict=True):
        assert our.scores == pytest.approx(their.scores, abs=NOISE)
    base = in_batches(TransformersEngine(pocket("student")), calls)
    assert sum(reply.text != other.text for reply, other in zip(base, ours, strict=True)) > len(calls) / 2


def test_a_batch_of_both_gives_the_base_what_is_its_own(vllm: Any) -> None:
    """Where there is room for one adapter only, vLLM on a CPU puts it on all."""
    from vllm.inputs import tokens_input

    calls = greedy_calls()[3:15:2]
    alone = answers(vllm, calls)
    base = answers(load("transformers", pocket("student"), EngineOptions()), calls)
    engine, texts = vllm._held[0], dict[str, Reply]()
    for i, call in enumerate(calls):
        pending = vllm._builder.answer(i, call)
        for kind, lora in (("base", None), ("adapted", vllm._lora)):
            engine.add_request(
                f"{kind} {i}", tokens_input(pending.requests[0].ids), pending.requests[0].params, lora_request=lora
            )
    while engine.has_unfinished_requests():
        for output in engine.step():
            kind, _, number = output.request_id.partition(" ")
            pending = vllm._builder.answer(int(number), calls[int(number)])
            pending.outputs[0] = output
            texts[output.request_id] = pending.reply()
    assert [texts[f"base {i}"].text for i in range(len(calls))] == [reply.text for reply in base]
    assert [texts[f"adapted {i}"].text for i in range(len(calls))] == [reply.text for reply in alone]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"r": 1000}, "vllm has no LoRA of rank 1000"),
        ({"r": None}, "cannot read the adapter"),
        ({"use_dora": True}, "cannot load the model"),
    ],
)
def test_an_adapter_that_vllm_cannot_use_is_one_line(
    adapted: Model, tmp_path: Path, settings: dict[str, Any], expected: str
) -> None:
    folder = tmp_path / "adapter"
    shutil.copytree(adapted.adapter or "", folder)
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **settings}), "utf-8")
    with pytest.raises(EngineError, match=expected) as raised:
        load("vllm", pocket("student", adapter=folder), EngineOptions())
    assert "\n" not in str(raised.value)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_adapted_model_holds_its_answers_to_choices_too(vllm: Any) -> None:
    call = Call(prompt="Which?", choices=("travel", "politics"))
    (group,) = vllm.choose([call])
    assert group[0].text in call.choices
