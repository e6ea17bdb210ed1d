"""Prompts that begin alike: what they share is computed once, and every reply is the one that a call has alone."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import answers

from sdc.pipelines.engines.local.shared_prefix import length
from sdc.pipelines.engines.local.transformers import TransformersEngine
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.protocol import Call

BEGIN = "choose travel or politics, one of both: "
TAILS = ("yes", "no", "a longer text than others", "x", "science and", "sports")
CHOICES = ("yes", "no", "science and technology", "science", "travel")
SCORED = [Call(prompt=BEGIN + tail, choices=CHOICES) for tail in TAILS]
WRITTEN = [Call(prompt=BEGIN + tail, max_tokens=10) for tail in TAILS]
SIZES = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 64, "max_position_embeddings": 96, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": None,
    "initializer_range": 0.2,
}  # fmt: skip
GEMMA = {**SIZES, "head_dim": 8, "layer_types": ["sliding_attention", "full_attention"]}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", SIZES),
    "mistral": ("Mistral", SIZES),
    "gemma3, all in the window": ("Gemma3Text", {**GEMMA, "sliding_window": 512}),
    "gemma3, past the window": ("Gemma3Text", {**GEMMA, "sliding_window": 24}),
    "gpt2": (
        "GPT2",
        {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 96, "bos_token_id": 0, "eos_token_id": 1},
    ),
}
SHARES = {"llama", "mistral", "gemma3, all in the window"}


@pytest.fixture(scope="module")
def engines(chat_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TransformersEngine]:
    """Returns an engine with a small random model of a kind."""
    made: dict[str, TransformersEngine] = {}

    def load(kind: str) -> TransformersEngine:
        if kind not in made:
            import torch
            import transformers

            family, settings = KINDS[kind]
            folder = Path(shutil.copytree(chat_model, tmp_path_factory.mktemp("kind") / "model"))
            torch.manual_seed(1)
            config = getattr(transformers, f"{family}Config")(vocab_size=300, **settings)
            names = {"Gemma3Text": "Gemma3ForCausalLM", "GPT2": "GPT2LMHeadModel"}
            network = getattr(transformers, names.get(family, f"{family}ForCausalLM"))(config)
            with torch.no_grad():  # random models of some kinds are sure of nothing
                for weights in network.parameters():
                    if weights.ndim > 1:
                        weights.normal_(0, 0.2)
            network.save_pretrained(folder)
            made[kind] = TransformersEngine(Model(name=kind, source=str(folder), digest=kind))
        return made[kind]

    return load


def one_pass(engine: TransformersEngine, prompt: str, choice: str) -> float:
    """The log-likelihood of a choice and the end of the turn, from one forward pass over the whole sequence."""
    import torch

    prompt_ids = engine.prompt_ids(prompt)
    answer = [*engine.tokenizer(choice, add_special_tokens=False)["input_ids"], engine.tokenizer.eos_token_id]
    with torch.inference_mode():
        logits_BTV = engine._model(torch.tensor([prompt_ids + answer])).logits.float()
    logp_TV = logits_BTV[0].log_softmax(-1)
    return float(sum(logp_TV[len(prompt_ids) + i - 1, token] for i, token in enumerate(answer)))


def spied(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Returns a list that gets (rows, tokens) of every pass through the model."""
    found: list[tuple[int, int]] = []
    forward = type(engine._model).forward

    def spy(self: Any, input_ids: Any = None, **kwargs: Any) -> Any:
        found.append(tuple(input_ids.shape))
        return forward(self, input_ids=input_ids, **kwargs)

    monkeypatch.setattr(type(engine._model), "forward", spy)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_one_pass_over_the_whole_sequence(
    engines: Callable[[str], TransformersEngine], kind: str
) -> None:
    engine = engines(kind)
    for call, reply in zip(SCORED, answers(engine, SCORED), strict=True):
        assert reply.scores == pytest.approx([one_pass(engine, call.prompt, c) for c in CHOICES], abs=1e-4)
        assert reply.prompt_tokens == len(engine.prompt_ids(call.prompt))
        assert (reply.cached_tokens is not None) == (kind in SHARES)


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_texts_are_those_of_the_models_own_generation(
    engines: Callable[[str], TransformersEngine], kind: str
) -> None:
    import torch

    engine = engines(kind)
    for call, reply in zip(WRITTEN, answers(engine, WRITTEN), strict=True):
        ids = torch.tensor([engine.prompt_ids(call.prompt)])
        out = engine._model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=10,
            do_sample=False,
            use_cache=False,
            pad_token_id=1,
        )
        assert reply.text == engine.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)


@pytest.mark.parametrize("settings", [{}, {"repetition_penalty": 1.8}, {"top_p": 0.8, "temperature": 0.7}])
def test_a_sampled_text_is_the_one_that_the_call_has_alone(
    engines: Callable[[str], TransformersEngine], settings: dict[str, Any]
) -> None:
    engine = engines("llama")
    calls = [
        Call(prompt=BEGIN + tail, seed=i, **{"temperature": 1.0, "max_tokens": 12, **settings})
        for i, tail in enumerate(TAILS)
    ]
    together = answers(engine, calls)
    assert len({reply.text for reply in together}) > 3
    assert [r.text for r in together] == [answers(engine, [call])[0].text for call in calls]


def test_the_beginning_is_computed_once_and_counted(
    engines: Callable[[str], TransformersEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engines("llama")
    engine.forget()
    passes = spied(engine, monkeypatch)
    ids = [engine.prompt_ids(call.prompt) for call in SCORED]
    shared = length(ids)
    assert shared >= 24
    first, second = answers(engine, SCORED[:3]), answers(engine, SCORED[3:])
    assert passes[0] == (1, shared)
    assert all(tokens < len(ids[2]) - shared + 30 for _, tokens in passes[1:])
    assert sum(rows == 1 and tokens == shared for rows, tokens in passes) == 1  # the second batch found it
    assert [reply.cached_tokens for reply in (*first, *second)] == [0, *[shared] * 5]
    assert [reply.prompt_tokens for reply in (*first, *second)] == [len(row) for row in ids]


def test_what_was_asked_before_changes_no_digit(engines: Callable[[str], TransformersEngine]) -> None:
    """A killed run that starts again must get the replies that it would have got."""
    engine = engines("llama")
    engine.forget()
    answers(engine, SCORED[:3])
    other = [Call(prompt="something else altogether " + tail, choices=CHOICES) for tail in TAILS]
    after_the_same = answers(engine, SCORED[3:])
    answers(engine, other)
    after_another = answers(engine, SCORED[3:])
    engine.forget()
    after_nothing = answers(engine, SCORED[3:])
    assert [r.scores for r in after_the_same] == [r.scores for r in after_another] == [r.scores for r in after_nothing]


def test_rows_leave_the_batch_when_they_are_done(
    engines: Callable[[str], TransformersEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engines("llama")
    calls = [Call(prompt=BEGIN + tail, temperature=2.5, max_tokens=30, seed=i) for i, tail in enumerate(TAILS)]
    expected = [answers(engine, [call])[0] for call in calls]
    used = [reply.completion_tokens or 0 for reply in expected]
    assert min(used) < max(used)
    passes = spied(engine, monkeypatch)
    together = answers(engine, calls)
    assert [reply.text for reply in together] == [reply.text for reply in expected]
    steps = [rows for rows, tokens in passes if tokens == 1]
    assert steps == [sum(tokens > step for tokens in used) for step in range(1, max(used))]


def test_prompts_of_different_length_go_through_in_parts(engines: Callable[[str], TransformersEngine]) -> None:
    engine = engines("llama")
    calls = [Call(prompt=BEGIN + "x" * (1 + i % 40), choices=CHOICES) for i in range(40)]
    lengths = [len(engine.prompt_ids(call.prompt)) for call in calls]
    assert len(engine._parts([[0] * tokens for tokens in lengths], room=20)) == 3
    for call, reply in list(zip(calls, answers(engine, calls), strict=True))[::7]:
        assert reply.scores == pytest.approx([one_pass(engine, call.prompt, c) for c in CHOICES], abs=1e-4)


def test_a_model_with_rules_for_its_answers_is_run_by_transformers(
    chat_model: Path,
) -> None:
    import torch

    plain = TransformersEngine(Model(name="tiny", source=str(chat_model), digest="d"))
    usual = answers(plain, WRITTEN)
    first = {plain.tokenizer(reply.text, add_special_tokens=False)["input_ids"][0] for reply in usual}
    plain._model.generation_config.suppress_tokens = sorted(first)
    plain._use(plain._model, plain.tokenizer)
    ids = torch.tensor([plain.prompt_ids(WRITTEN[0].prompt)])
    out = plain._model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=10, pad_token_id=1)
    expected = plain.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
    assert answers(plain, WRITTEN)[0].text == expected != usual[0].text
