"""The transformers engine on a tiny model with random weights: real code, real files, no network."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi
from scripted import answers

from sdc.cache.store import Store
from sdc.errors import EngineError, UsageError
from sdc.pipelines.engines import models
from sdc.pipelines.engines.local.transformers import TransformersEngine
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.protocol import Call

SHORT, MIDDLE, LONG = "yes", "a somewhat longer prompt", "much longer than the other prompts are " * 1 + "by far"
CHOICES = ("yes", "no", "science and technology", "travel", "an unlikely answer")


@pytest.fixture(scope="module")
def engine(chat_model: Path) -> TransformersEngine:
    return TransformersEngine(Model(name="tiny", source=str(chat_model), digest="d"))


def sampled(prompt: str, *, seed: int = 0, **settings: Any) -> Call:
    return Call(prompt=prompt, **{"temperature": 1.0, "max_tokens": 12, "seed": seed, **settings})


# -- tokens -------------------------------------------------------------------------------------------------------


def test_a_prompt_has_exactly_one_bos(engine: TransformersEngine) -> None:
    """B16: rendering the template to text and tokenising that again gives two."""
    tokenizer = engine.tokenizer
    rendered = tokenizer.apply_chat_template(
        [{"role": "user", "content": SHORT}], add_generation_prompt=True, tokenize=False
    )
    again = tokenizer(rendered)["input_ids"]
    ours = engine.prompt_ids(SHORT)
    assert again.count(tokenizer.bos_token_id) == 2
    assert ours.count(tokenizer.bos_token_id) == 1
    assert ours == again[1:]


def test_a_model_without_chat_template_gets_the_plain_prompt(engine: TransformersEngine, chat_model: Path) -> None:
    plain = TransformersEngine(Model(name="tiny", source=str(chat_model), digest="d"))
    plain.tokenizer.chat_template = None
    ids = plain.prompt_ids(SHORT)
    assert ids.count(0) == 1
    assert plain.tokenizer.decode(ids, skip_special_tokens=True) == SHORT


# -- generation ---------------------------------------------------------------------------------------------------


def test_greedy_equals_the_models_own_generation_one_by_one(engine: TransformersEngine) -> None:
    import torch

    calls = [Call(prompt=prompt, max_tokens=12) for prompt in (LONG, SHORT, MIDDLE)]
    for call, reply in zip(calls, answers(engine, calls), strict=True):
        ids = torch.tensor([engine.prompt_ids(call.prompt)])
        out = engine._model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False, pad_token_id=1
        )
        assert reply.text == engine.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
        assert reply.prompt_tokens == ids.shape[1]
        assert reply.text


@pytest.mark.parametrize("settings", [{}, {"repetition_penalty": 1.8}, {"top_p": 0.8, "temperature": 0.7}])
def test_a_reply_does_not_depend_on_its_batch(engine: TransformersEngine, settings: dict[str, Any]) -> None:
    calls = [sampled(prompt, seed=i, **settings) for i, prompt in enumerate((SHORT, LONG, MIDDLE, SHORT, ""))]
    together = answers(engine, calls)
    alone = [answers(engine, [call])[0] for call in calls]
    assert [(r.text, r.finish, r.completion_tokens) for r in together] == [
        (r.text, r.finish, r.completion_tokens) for r in alone
    ]
    assert [r.text for r in answers(engine, calls[::-1])][::-1] == [r.text for r in together]


def test_padding_with_the_end_token_does_not_change_what_is_penalised(engine: TransformersEngine) -> None:
    """A tokenizer without padding token pads with the end of the turn, which a penalty must not take for text."""
    import torch

    from sdc.pipelines.engines.local.decoding import Choosing

    calls = [Call(prompt="", repetition_penalty=2.0)] * 2
    logits_BV = torch.tensor([[1.0, 1.9, 1.5, 0.9, -0.5]] * 2)
    choose = Choosing(calls, [[1, 2], [3]], device="cpu")  # whatever a batch pads the second prompt with
    assert choose(logits_BV).tolist() == [0, 1]
    assert choose(logits_BV).tolist() == [1, 2]  # what was said since is penalised too
    choose.keep([1])
    assert choose(logits_BV[:1]).tolist() == [0]


def test_the_seed_is_used_and_another_gives_another_text(engine: TransformersEngine) -> None:
    texts = [answers(engine, [sampled(MIDDLE, seed=seed)])[0].text for seed in (1, 1, 2, 3)]
    assert texts[0] == texts[1]
    assert len(set(texts)) == 3
    assert [r.text for r in answers(engine, [sampled(MIDDLE, seed=seed) for seed in (3, 2, 1)])] == texts[:0:-1]


def test_sampling_has_the_models_distribution(engine: TransformersEngine) -> None:
    """The noise is Gumbel's: frequencies of the first token agree with the softmax."""
    import torch

    logits = torch.log(torch.tensor([0.6, 0.3, 0.1]))
    from sdc.pipelines.engines.local.decoding import Choosing

    number = 4000
    calls = [Call(prompt="", temperature=1.0, seed=seed) for seed in range(number)]
    draws = Choosing(calls, [[0]] * number, device="cpu")(logits.repeat(number, 1))
    frequencies = torch.bincount(draws, minlength=3) / number
    assert frequencies.tolist() == pytest.approx([0.6, 0.3, 0.1], abs=0.03)


def test_the_cache_is_used(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """B9: after the prompt, every step feeds one token."""
    widths: list[int] = []
    forward = type(engine._model).forward

    def spy(self: Any, input_ids: Any = None, **kwargs: Any) -> Any:
        widths.append(input_ids.shape[1])
        return forward(self, input_ids=input_ids, **kwargs)

    monkeypatch.setattr(type(engine._model), "forward", spy)
    answers(engine, [sampled(MIDDLE, max_tokens=6)])
    assert widths[0] == len(engine.prompt_ids(MIDDLE))
    assert widths[1:] and set(widths[1:]) == {1}


def test_stop_strings_end_the_reply_and_are_cut(engine: TransformersEngine) -> None:
    tries = [sampled(MIDDLE, seed=seed, max_tokens=20) for seed in range(40)]
    call, whole, stop = next(
        (call, reply, found.group())
        for call, reply in zip(tries, answers(engine, tries), strict=True)
        if reply.finish == "length" and (found := re.search(r"(?<=.)[a-z]{2}(?=.{5})", reply.text))
    )
    other = sampled(LONG, seed=9, max_tokens=20, stop=(stop,))
    calls = [replace(call, stop=(stop,)), other]
    first, _ = answers(engine, calls)
    assert first.text == whole.text[: whole.text.index(stop)]
    assert first.finish == "stop"
    assert (first.completion_tokens or 99) < (whole.completion_tokens or 0) == 20


def test_finish_and_tokens_are_counted(engine: TransformersEngine) -> None:
    (reply,) = answers(engine, [sampled(MIDDLE, max_tokens=5, seed=1)])
    assert (reply.finish, reply.completion_tokens) == ("length", 5)
    assert reply.seconds > 0


def test_a_nearly_full_context_gives_the_same_room_in_every_batch(engine: TransformersEngine) -> None:
    long = "x " * 20
    room = 96 - len(engine.prompt_ids(long))
    assert 32 < room < 80
    short, full = sampled(SHORT, max_tokens=64, seed=3), sampled(long, max_tokens=64, seed=4)
    together = answers(engine, [short, full])
    assert [r.text for r in together] == [answers(engine, [call])[0].text for call in (short, full)]
    assert (together[1].completion_tokens or 99) <= 32


def test_a_prompt_that_does_not_fit_fails_alone(engine: TransformersEngine) -> None:
    for settings in ({"max_tokens": 5}, {"choices": ("yes", "no")}):
        calls = [Call(prompt=prompt, **settings) for prompt in ("a", "x" * 500, "b")]
        first, long, last = answers(engine, calls)
        assert long.finish == "failed"
        assert re.fullmatch(r"a prompt of \d+ tokens with \d+ for the answer exceeds the context of 96", long.reason)
        assert [first, last] != [long, long]
        alone = answers(engine, [calls[0], calls[2]])
        assert [(r.text, r.scores) for r in (first, last)] == [(r.text, r.scores) for r in alone]


# -- likelihood ---------------------------------------------------------------------------------------------------


def naive(engine: TransformersEngine, prompt: str, choice: str) -> float:
    """The log-likelihood of a choice and the end of the turn, from one forward pass over the whole sequence."""
    import torch

    prompt_ids = engine.prompt_ids(prompt)
    answer = [*engine.tokenizer(choice, add_special_tokens=False)["input_ids"], engine.tokenizer.eos_token_id]
    with torch.inference_mode():
        logits_BTV = engine._model(torch.tensor([prompt_ids + answer])).logits.float()
    logp_TV = logits_BTV[0].log_softmax(-1)
    return float(sum(logp_TV[len(prompt_ids) + i - 1, token] for i, token in enumerate(answer)))


def test_scores_equal_a_naive_log_likelihood(engine: TransformersEngine) -> None:
    lengths = {len(engine.tokenizer(choice, add_special_tokens=False)["input_ids"]) for choice in CHOICES}
    assert len(lengths) > 2
    calls = [Call(prompt=prompt, choices=CHOICES) for prompt in (LONG, SHORT, MIDDLE)]
    for call, reply in zip(calls, answers(engine, calls), strict=True):
        assert reply.scores == pytest.approx([naive(engine, call.prompt, c) for c in CHOICES], abs=1e-4)
        assert (reply.text, reply.finish) == ("", "scored")


def test_one_batch_may_mix_scored_and_generated_calls(engine: TransformersEngine) -> None:
    scored, greedy, other = Call(prompt=SHORT, choices=CHOICES), Call(prompt=SHORT), Call(prompt=SHORT, choices=("a",))
    replies = answers(engine, [scored, greedy, other])
    assert [len(reply.scores) for reply in replies] == [5, 0, 1]
    assert replies[0].scores == pytest.approx(answers(engine, [scored])[0].scores, abs=1e-5)


# -- loading ------------------------------------------------------------------------------------------------------


def test_a_hub_model_that_is_not_here_is_one_line_after_one_question(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def no_network(self: HfApi, repo_id: str, **options: object) -> None:
        asked.append(repo_id)
        raise OSError("no route to the hub\nand a second line")

    monkeypatch.setattr(HfApi, "model_info", no_network)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    with pytest.raises(EngineError) as caught:
        models.resolve(store, "nobody/has-this-model")
    assert asked == ["nobody/has-this-model"]
    assert "\n" not in str(caught.value)
    assert "hf download nobody/has-this-model" in str(caught.value)


def test_a_folder_without_a_model_is_a_usage_error(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"config\.json is missing"):
        models.resolve(store, str(tmp_path))


@pytest.mark.parametrize("broken", ["config.json", "tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("how", ["truncated", "garbage", "missing"])
def test_a_broken_model_folder_is_an_engine_error(chat_model: Path, tmp_path: Path, broken: str, how: str) -> None:
    folder = Path(shutil.copytree(chat_model, tmp_path / "copy"))
    content = (folder / broken).read_bytes()
    if how == "missing":
        (folder / broken).unlink()
    else:
        (folder / broken).write_bytes(content[: len(content) // 2] if how == "truncated" else b"\0garbage" * 9)
    with pytest.raises(EngineError, match="cannot load the model") as caught:
        TransformersEngine(Model(name="tiny", source=str(folder), digest="d"))
    assert "\n" not in str(caught.value)
