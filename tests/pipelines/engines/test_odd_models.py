"""Models of all kinds: what they say is what one plain pass over each text says, or one line tells why it cannot be."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import answers

from sdc.cache.store import Store
from sdc.errors import EngineError
from sdc.pipelines.engines import models, tokenizers
from sdc.pipelines.engines.local.transformers import TransformersEngine
from sdc.pipelines.engines.models import POCKET, Model
from sdc.pipelines.engines.prompt_tokens import prompt_ids
from sdc.pipelines.engines.protocol import Call

CHOICES = ("science/technology", "travel", "a")
PROMPTS = ("a text", "another text that is much longer than the first", "x " * 30)
_SMALL = {"vocab_size": 6144, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
_HEADS = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1, **_SMALL}
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "mamba": ("MambaConfig", {"hidden_size": 16, "num_hidden_layers": 2, "state_size": 4, **_SMALL}),
    "rwkv": ("RwkvConfig", {"hidden_size": 16, "num_hidden_layers": 2, "attention_hidden_size": 16,
                            "intermediate_size": 32, **_SMALL}),
    "attention and mamba": ("JambaConfig", {**_HEADS, "num_hidden_layers": 4, "attn_layer_period": 2,
                                            "attn_layer_offset": 1, "num_experts": 2, "use_mamba_kernels": False,
                                            "mamba_d_state": 4}),
    "linear attention": ("Qwen3NextConfig", {**_HEADS, "num_hidden_layers": 4, "head_dim": 8, "num_experts": 2,
                                             "linear_num_key_heads": 2, "linear_num_value_heads": 2,
                                             "linear_key_head_dim": 8, "linear_value_head_dim": 8,
                                             "num_experts_per_tok": 1, "moe_intermediate_size": 16,
                                             "shared_expert_intermediate_size": 16}),
    "recurrent": ("RecurrentGemmaConfig", {**_HEADS, "num_hidden_layers": 3, "head_dim": 8, "lru_width": 16,
                                           "attention_window_size": 16}),
    "sliding window": ("Gemma3TextConfig", {**_HEADS, "num_hidden_layers": 6, "head_dim": 8, "sliding_window": 16}),
    "absolute positions": ("GPT2Config", {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 128, **_SMALL}),
    "alibi": ("BloomConfig", {"hidden_size": 16, "n_layer": 2, "n_head": 2, **_SMALL}),
    "rotary": ("GPTNeoXConfig", {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
                                 "intermediate_size": 32, "max_position_embeddings": 512, **_SMALL}),
    "more embeddings than tokens": ("LlamaConfig", {**_HEADS, "num_hidden_layers": 1, "vocab_size": 6200}),
}  # fmt: skip


def saved(folder: Path, config: tuple[str, dict[str, Any]], *, make: str = "AutoModelForCausalLM") -> Model:
    """Writes a model with random weights and the student's tokenizer."""
    import torch
    import transformers

    name, settings = config
    torch.manual_seed(0)
    about = getattr(transformers, name)(**settings)
    network = getattr(transformers, make).from_config(about)
    for weight in network.parameters():
        if weight.ndim > 1:
            weight.data.normal_(0, 0.3)
    network.save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(POCKET / "student" / file, folder / file)
    return Model(name="odd", source=str(folder), digest="d")


def logits(engine: TransformersEngine, ids: list[int]) -> Any:
    """Returns log-probabilities of one text, computed alone and without a cache."""
    import torch

    with torch.inference_mode():
        return engine._model(input_ids=torch.tensor([ids])).logits[0].float().log_softmax(-1)


@pytest.mark.parametrize("kind", CONFIGS)
def test_scores_and_texts_are_those_of_each_text_alone(tmp_path: Path, kind: str) -> None:
    engine = TransformersEngine(saved(tmp_path, CONFIGS[kind]))
    found = answers(engine, [Call(prompt=prompt, choices=CHOICES) for prompt in PROMPTS])
    for prompt, reply in zip(PROMPTS, found, strict=True):
        ids = prompt_ids(engine.tokenizer, prompt)
        for choice, score in zip(CHOICES, reply.scores, strict=True):
            tokens = [*engine.tokenizer(choice, add_special_tokens=False)["input_ids"], engine.tokenizer.eos_token_id]
            logp = logits(engine, [*ids, *tokens])
            expected = sum(float(logp[len(ids) - 1 + at, token]) for at, token in enumerate(tokens))
            assert score == pytest.approx(expected, abs=1e-3)
    for prompt, reply in zip(PROMPTS, answers(engine, [Call(prompt=p, max_tokens=6) for p in PROMPTS]), strict=True):
        ids = prompt_ids(engine.tokenizer, prompt)
        written: list[int] = []
        while len(written) < 6 and not set(written) & engine._ends:
            written.append(int(logits(engine, [*ids, *written])[-1].argmax()))
        text = engine.tokenizer.decode([token for token in written if token not in engine._ends],
                                       skip_special_tokens=True)  # fmt: skip
        assert reply.text == text


@pytest.mark.parametrize(
    ("config", "make", "line"),
    [
        (("T5Config", {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2, "vocab_size": 6144}),
         "AutoModelForSeq2SeqLM", "is a T5ForConditionalGeneration, an encoder-decoder: it cannot answer in words"),
        (("BertConfig", {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
                         "vocab_size": 6144}), "AutoModelForMaskedLM", "is a BertForMaskedLM: it cannot answer"),
        (("LlamaConfig", {**_HEADS, "num_hidden_layers": 1}), "AutoModelForSequenceClassification",
         "is a LlamaForSequenceClassification: it cannot answer in words"),
    ],
    ids=["encoder-decoder", "encoder", "classifier"],
)  # fmt: skip
def test_what_cannot_answer_in_words_is_one_line(
    tmp_path: Path, config: tuple[str, dict[str, Any]], make: str, line: str
) -> None:
    with pytest.raises(EngineError, match=line):
        TransformersEngine(saved(tmp_path, config, make=make))


def test_a_tokenizer_of_another_model_is_one_line(tmp_path: Path) -> None:
    from sdc.pipelines.students.finetune import classifier

    small = saved(tmp_path, ("LlamaConfig", {**_HEADS, "num_hidden_layers": 1, "vocab_size": 300}))
    engine = TransformersEngine(small)
    for call in (Call(prompt="a text"), Call(prompt="a text", choices=CHOICES)):
        with pytest.raises(EngineError, match=r"the tokenizer gives token \d+, and the model knows 300"):
            answers(engine, [call])
    tokenizer = tokenizers.load(small)
    network = classifier.load(small, tokenizer, 2, dropout=0.0, seed=1)
    with pytest.raises(EngineError, match=r"the tokenizer gives token \d+, and the model knows 300"):
        network.log_probabilities(tokenizers.encode(tokenizer, ["a text"], 32))


def _no_special(about: dict[str, Any]) -> None:
    for name in ("pad_token", "eos_token", "bos_token", "chat_template"):
        about.pop(name)


def _template(text: str) -> Callable[[dict[str, Any]], None]:
    def change(about: dict[str, Any]) -> None:
        about["chat_template"] = text

    return change


@pytest.fixture
def student(tmp_path: Path) -> Callable[[Callable[[dict[str, Any]], None]], Model]:
    def make(change: Callable[[dict[str, Any]], None]) -> Model:
        folder = Path(shutil.copytree(POCKET / "student", tmp_path / "student"))
        about = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
        change(about)
        (folder / "tokenizer_config.json").write_text(json.dumps(about), "utf-8")
        return Model(name="mine", source=str(folder), digest="d")

    return make


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("{% for m in messages %}", "chat template cannot be used"),
        ("{{ raise_exception('only systems may speak') }}", r"cannot be used \(only systems may speak\)"),
        ("{{ messages[7]['content'] }}", "chat template cannot be used"),
        ("{{ 1 / 0 }}", "chat template cannot be used"),
        ("a prompt without words", r"cannot be used \(the user's message is not in what it makes\)"),
        ("", r"cannot be used \(the user's message is not in what it makes\)"),
    ],
)
def test_a_broken_template_is_one_line(student: Any, template: str, line: str) -> None:
    with pytest.raises(EngineError, match=line) as caught:
        TransformersEngine(student(_template(template)))
    assert "\n" not in str(caught.value)


def test_a_template_that_raises_for_one_text_only_is_one_line(student: Any) -> None:
    text = "{% if 'bad' in messages[0]['content'] %}{{ raise_exception('no') }}{% endif %}{{ messages[0]['content'] }}"
    engine = TransformersEngine(student(_template(text)))
    assert answers(engine, [Call(prompt="a text", max_tokens=2)])[0].is_answer
    with pytest.raises(EngineError, match=r"mine: the chat template cannot be used \(no\)"):
        answers(engine, [Call(prompt="a bad text")])


def test_a_tokenizer_without_special_tokens_works(student: Any) -> None:
    engine = TransformersEngine(student(_no_special))
    calls = [Call(prompt=prompt, choices=CHOICES) for prompt in PROMPTS]
    together, alone = answers(engine, calls), [answers(engine, [call])[0] for call in calls]
    for one, other in zip(together, alone, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-3)
    assert all(reply.is_answer for reply in answers(engine, [Call(prompt=p, max_tokens=4) for p in PROMPTS]))


def test_models_whose_state_was_padded_have_that_in_their_key(store: Store, tmp_path: Path) -> None:
    for kind, rules in (("linear attention", {"state": "apart"}), ("sliding window", {})):
        saved(tmp_path / kind, CONFIGS[kind])
        assert models.resolve(store, str(tmp_path / kind)).rules == rules


@pytest.mark.parametrize("longest", [{}, "{% raw %}", True, 0, -5, None, [9]])
def test_a_length_that_is_none_is_one_line(tmp_path: Path, longest: Any) -> None:
    model = _with_length(tmp_path / "m", longest)
    if longest is None:  # transformers' word for a tokenizer that names none
        assert tokenizers.load(model).model_max_length == 10**12
        return
    with pytest.raises(EngineError, match=r"model_max_length is .*, which is no length"):
        tokenizers.load(model)


def test_a_length_without_end_is_the_models_own(tmp_path: Path) -> None:
    model = _with_length(tmp_path / "m", float("inf"))
    assert tokenizers.length_limit(model, tokenizers.load(model), 64) == 64


def _with_length(folder: Path, longest: Any) -> Model:
    shutil.copytree(POCKET / "student", folder)
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "model_max_length": longest}), "utf-8")
    return Model(name="mine", source=str(folder), digest="d")
