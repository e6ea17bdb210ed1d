"""Adapters: put into the weights of their base they compute what they compute beside them, also on tied weights."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from sdc.errors import EngineError
from sdc.pipelines.engines import adapters
from sdc.pipelines.engines.local.transformers import TransformersEngine
from sdc.pipelines.engines.models import POCKET, Model
from sdc.pipelines.engines.prompt_tokens import prompt_ids
from sdc.pipelines.engines.protocol import Call

STUDENT = str(POCKET / "student")  # its output layer is its embeddings
CHOICES = ("science/technology", "travel", "politics")
PROMPTS = ("Which topic is this: the train leaves at noon?", "a text", "ఒకటి రెండు")


def saved(folder: Path, **settings: Any) -> tuple[Model, Any]:
    """Writes an adapter with random weights on the student; returns the model with it, and peft's network."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft warns of the very thing that is tested here
        base = AutoModelForCausalLM.from_pretrained(STUDENT, dtype=torch.float32)
        network: Any = get_peft_model(base, LoraConfig(r=4, lora_alpha=8, task_type="CAUSAL_LM", **settings))
        noise = torch.Generator().manual_seed(0)
        for name, weights in network.named_parameters():
            if "lora_" in name or "modules_to_save" in name:
                weights.data += torch.randn(weights.shape, generator=noise) * 0.05
        network.save_pretrained(folder)
    return Model(name="student+mine", source=STUDENT, digest="d", adapter=str(folder), adapter_digest="a"), network


def scores_beside(engine: TransformersEngine, network: Any, prompt: str) -> list[float]:
    """Returns the scores of the choices from peft's network, which merges nothing."""
    import torch

    found = []
    for choice in CHOICES:
        ids = prompt_ids(engine.tokenizer, prompt)
        answer = [*engine.tokenizer(choice, add_special_tokens=False)["input_ids"], engine.tokenizer.eos_token_id]
        with torch.inference_mode():
            logp = network.eval()(input_ids=torch.tensor([[*ids, *answer]])).logits[0].log_softmax(-1)
        found.append(sum(float(logp[len(ids) - 1 + i, token]) for i, token in enumerate(answer)))
    return found


TIED = [
    {"target_modules": ["lm_head"]},
    {"target_modules": ["embed_tokens"]},
    {"target_modules": ["q_proj", "embed_tokens", "lm_head"]},
    {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
    {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]},
    {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens", "lm_head"]},
    {"target_modules": "all-linear"},
    {"target_modules": ["q_proj", "down_proj"]},
]


@pytest.mark.parametrize("settings", TIED, ids=lambda settings: "+".join(map(str, settings.values())))
def test_scores_are_those_of_the_adapter_beside_its_base(tmp_path: Path, settings: dict[str, Any]) -> None:
    model, network = saved(tmp_path, **settings)
    engine = TransformersEngine(model)
    (replies,) = list(engine.answer([Call(prompt=prompt, choices=CHOICES) for prompt in PROMPTS]))
    for i, prompt in enumerate(PROMPTS):
        assert replies[i].scores == pytest.approx(scores_beside(engine, network, prompt), abs=0.01)
    base = TransformersEngine(Model(name="student", source=STUDENT, digest="d"))
    (plain,) = list(base.answer([Call(prompt=PROMPTS[0], choices=CHOICES)]))
    assert plain[0].scores != pytest.approx(replies[0].scores, abs=0.01)


def test_an_adapter_that_cannot_be_merged_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = saved(tmp_path, target_modules=["lm_head"])
    monkeypatch.setattr(adapters, "_untie", lambda wrapped: None)
    with pytest.raises(EngineError, match=r"gives other outputs when it is merged \(by \d"):
        TransformersEngine(model)


def test_vllm_which_cannot_untie_refuses_it_in_one_line(tmp_path: Path) -> None:
    model, _ = saved(tmp_path / "tied", target_modules=["lm_head"])
    with pytest.raises(EngineError, match=r"two layers of its base share .*use --engine transformers"):
        adapters.check_tied(model, Path(STUDENT), adapters.read(model))
    model, _ = saved(tmp_path / "free", target_modules=["q_proj"])
    adapters.check_tied(model, Path(STUDENT), adapters.read(model))


# -- files that are not those of the adapter ------------------------------------------------------------------------


def changed(folder: Path, change: Any) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "adapter_model.safetensors")
    change(tensors)
    save_file(tensors, folder / "adapter_model.safetensors")


def _layer(name: str) -> str:
    return f"base_model.model.model.layers.{name}.self_attn.q_proj.lora_B.weight"


def _drop(tensors: dict[str, Any]) -> None:
    for half in ("lora_A", "lora_B"):
        del tensors[_layer("1").replace("lora_B", half)]


def _halve(tensors: dict[str, Any]) -> None:
    del tensors[_layer("1")]


def _deeper(tensors: dict[str, Any]) -> None:
    for half in ("lora_A", "lora_B"):
        tensors[_layer("9").replace("lora_B", half)] = tensors[_layer("1").replace("lora_B", half)].clone()


def _nan(tensors: dict[str, Any]) -> None:
    tensors[_layer("1")][0, 0] = float("nan")


def _narrow(tensors: dict[str, Any]) -> None:
    tensors[_layer("1")] = tensors[_layer("1")][:-1].clone()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (_drop, r"missing: .*layers\.1\.self_attn\.q_proj\.lora_A"),
        (_halve, r"lora_A\.weight without lora_B"),
        (_deeper, r"not part of it: .*layers\.9"),
        (_nan, r"weights are not finite \(.*layers\.1"),
        (_narrow, r"cannot use the adapter"),
    ],
)
def test_an_adapter_with_other_weights_than_it_says_is_refused(tmp_path: Path, change: Any, line: str) -> None:
    model, _ = saved(tmp_path, target_modules=["q_proj"])
    changed(tmp_path, change)
    with pytest.raises(EngineError, match=line) as caught:
        TransformersEngine(model)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("wrong", [{"target_modules": ["nothing"]}, {"alora_invocation_tokens": ["x"]}])
def test_a_broken_config_is_one_line(tmp_path: Path, wrong: dict[str, Any]) -> None:
    model, _ = saved(tmp_path, target_modules=["q_proj"])
    about = json.loads((tmp_path / "adapter_config.json").read_text("utf-8"))
    (tmp_path / "adapter_config.json").write_text(json.dumps({**about, **wrong}), "utf-8")
    with pytest.raises(EngineError, match="cannot use the adapter"):
        TransformersEngine(model)
