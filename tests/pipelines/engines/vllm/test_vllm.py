"""The vLLM engine with the pocket models, against the transformers engine: real models, real vLLM, on a CPU.

Those without a marker are for environments without vLLM.
"""

import json
import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest
from pocket_calls import NOISE, greedy_calls, in_batches, mixed_calls, needs_vllm, pocket, smallest_margin_before
from scripted import answers

from sdc.errors import EngineError
from sdc.pipelines.engines import load
from sdc.pipelines.engines.local.transformers import TransformersEngine
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.engines.protocol import Call, Reply

Both = tuple[TransformersEngine, Any]
#: In nats; sums of some ten log-probabilities in float32.
_SCORE_NOISE = 1e-4
#: Every fourth of the 200 calls; all in a campaign.
_some = pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.campaign)])


@pytest.fixture(scope="module")
def transformers() -> TransformersEngine:
    return TransformersEngine(pocket("teacher"))


def _told(reply: Reply) -> tuple[Any, ...]:
    return reply.text, reply.finish, reply.prompt_tokens, reply.completion_tokens


def _length(engine: TransformersEngine, prompt: str) -> int:
    return len(engine.prompt_ids(prompt))


def _prompt_of(engine: TransformersEngine, num_tokens: int) -> str:
    """Returns a prompt of exactly so many tokens."""
    prompt = "sport " * num_tokens
    while (too_many := _length(engine, prompt) - num_tokens) > 0:
        prompt = prompt[: -(too_many + 1) // 2]  # no character is more than one token
    assert _length(engine, prompt) == num_tokens
    return prompt


# -- the same replies -----------------------------------------------------------------------------------------------


@needs_vllm
@_some
def test_greedy_replies_are_those_of_transformers(transformers: TransformersEngine, vllm: Any, every: int) -> None:
    calls = greedy_calls()[::every]
    theirs, ours = in_batches(transformers, calls), answers(vllm, calls)
    different = [i for i in range(len(calls)) if _told(theirs[i]) != _told(ours[i])]
    assert len(calls) == 200 // every
    assert len(different) <= 0.05 * len(calls)
    for i in different:
        margin = smallest_margin_before(transformers, calls[i], ours[i].text)
        assert margin < NOISE, f"call {i}: {theirs[i].text!r} or {ours[i].text!r}, by a margin of {margin}"
    assert len({reply.text for reply in ours}) > 0.15 * len(calls)
    assert {reply.finish for reply in ours} == {"stop", "length"}


@needs_vllm
def test_a_difference_that_rounding_does_not_explain_has_a_margin(transformers: TransformersEngine) -> None:
    call = greedy_calls()[0]
    (reply,) = answers(transformers, [call])
    assert smallest_margin_before(transformers, call, reply.text[:5] + "#" + reply.text[6:]) > NOISE


@needs_vllm
@_some
def test_scores_and_sampled_texts_are_those_of_transformers(
    transformers: TransformersEngine, vllm: Any, every: int
) -> None:
    """On a CPU both draw the same noise from the same seed, so that even what is sampled is the same."""
    calls = mixed_calls()[::every]
    theirs, ours = in_batches(transformers, calls), answers(vllm, calls)
    scored = [i for i, call in enumerate(calls) if call.choices]
    sampled = [i for i, call in enumerate(calls) if not call.choices]
    assert len(scored) >= 0.5 * len(calls)
    assert len(sampled) >= 0.3 * len(calls)
    for i in scored:
        assert ours[i].scores == pytest.approx(theirs[i].scores, abs=_SCORE_NOISE)
        assert len(ours[i].scores) == len(calls[i].choices)
        assert ours[i].finish == "scored"
        assert ours[i].prompt_tokens == theirs[i].prompt_tokens
        assert ours[i].completion_tokens == theirs[i].completion_tokens
    equal = [_told(theirs[i]) == _told(ours[i]) for i in sampled]
    assert equal.count(False) <= max(1, 0.05 * len(equal))


@needs_vllm
@pytest.mark.parametrize(
    "settings",
    [
        {"max_tokens": 1},
        {"repetition_penalty": 1.5},
        {"repetition_penalty": 1.3, "temperature": 0.7, "top_p": 0.8, "seed": 3},
        {"stop": ("---",)},
        {"stop": ("a", "e")},
        {"stop": ("\n", "ి")},
    ],
)
def test_settings_mean_the_same(transformers: TransformersEngine, vllm: Any, settings: dict[str, Any]) -> None:
    calls = [Call(**{"prompt": call.prompt, "max_tokens": 40, **settings}) for call in greedy_calls()[::21]]
    ours = answers(vllm, calls)
    assert [_told(reply) for reply in ours] == [_told(reply) for reply in in_batches(transformers, calls)]
    assert not any(string in reply.text for reply in ours for string in settings.get("stop", ()))


@needs_vllm
@pytest.mark.parametrize("of_each", [4, pytest.param(10, marks=pytest.mark.campaign)])
def test_a_reply_does_not_depend_on_its_batch_and_a_seed_repeats_it(vllm: Any, of_each: int) -> None:
    calls = [*greedy_calls()[::3][:of_each], *[call for call in mixed_calls() if not call.choices][:of_each]]
    together = answers(vllm, calls)
    assert [reply.text for reply in answers(vllm, calls[::-1])][::-1] == [reply.text for reply in together]
    alone = [answers(vllm, [call])[0] for call in calls]
    assert [_told(reply) for reply in alone] == [_told(reply) for reply in together]
    texts = [answers(vllm, [Call(prompt="Write.", temperature=1.0, seed=seed)])[0].text for seed in (1, 1, 2, 3)]
    assert texts[0] == texts[1]
    assert len(set(texts)) == 3


# -- the context ----------------------------------------------------------------------------------------------------


@needs_vllm
@pytest.mark.parametrize("left", [1, 31, 40, 64])
def test_answers_are_cut_alike_where_the_context_ends(transformers: TransformersEngine, vllm: Any, left: int) -> None:
    call = Call(prompt=_prompt_of(transformers, 2048 - left), max_tokens=64, temperature=1.0, seed=left)
    (ours,), (theirs,) = answers(vllm, [call]), answers(transformers, [call])
    assert (ours.finish, ours.completion_tokens) == (theirs.finish, theirs.completion_tokens)
    assert (ours.completion_tokens or 99) <= left


@needs_vllm
def test_a_scored_answer_may_fill_the_context(transformers: TransformersEngine, vllm: Any) -> None:
    choices = ("no", "science and technology")
    longest = max(len(transformers.tokenizer(choice, add_special_tokens=False)["input_ids"]) for choice in choices) + 1
    fits = Call(prompt=_prompt_of(transformers, 2048 - longest), choices=choices)
    (ours,), (theirs,) = answers(vllm, [fits]), answers(transformers, [fits])
    assert ours.scores == pytest.approx(theirs.scores, abs=_SCORE_NOISE)
    for engine in (vllm, transformers):
        (reply,) = answers(engine, [replace(fits, prompt=_prompt_of(transformers, 2049 - longest))])
        assert "exceeds the context of 2048" in reply.reason


@needs_vllm
def test_too_long_a_prompt_is_the_same_failed_reply(transformers: TransformersEngine, vllm: Any) -> None:
    call = Call(prompt="sport " * 2100, max_tokens=9)
    ours, theirs = (answers(engine, [call])[0] for engine in (vllm, transformers))
    assert (ours.finish, ours.reason) == (theirs.finish, theirs.reason)
    assert ours.finish == "failed"


# -- one after the other --------------------------------------------------------------------------------------------


@needs_vllm
def test_replies_come_as_they_finish_and_what_is_not_wanted_is_not_computed(vllm: Any) -> None:
    calls = [Call(prompt=f"Write {i}.", temperature=1.0, seed=i, max_tokens=2 + 50 * (i > 3)) for i in range(8)]
    groups = vllm.answer(calls)
    first = next(groups)
    assert set(first) <= {0, 1, 2, 3}
    assert vllm._held[0].has_unfinished_requests()
    groups.close()
    assert not vllm._held[0].has_unfinished_requests()
    assert [reply.text for reply in answers(vllm, calls[:4])] == [reply.text for reply in answers(vllm, calls)[:4]]


@needs_vllm
def test_many_more_calls_than_are_open_at_once(vllm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm, "_most_open", 3)
    calls = [Call(prompt=f"Say {i}", choices=("yes", "no")) if i % 3 else Call(prompt=f"Say {i}") for i in range(30)]
    few = answers(vllm, calls)
    monkeypatch.undo()
    assert [reply.text for reply in few] == [reply.text for reply in answers(vllm, calls)]


@needs_vllm
def test_no_calls(vllm: Any) -> None:
    assert answers(vllm, []) == []


@needs_vllm
def test_what_an_earlier_call_left_is_counted_and_changes_nothing(vllm: Any) -> None:
    prompt = "Classify this text, please: " + " ".join(map(str, range(70)))
    calls = [Call(prompt=prompt, max_tokens=20), Call(prompt=prompt, choices=("yes", "no", "yes and no"))]
    first = [answers(vllm, [call])[0] for call in calls]
    again = [answers(vllm, [call])[0] for call in calls]
    assert first[0].cached_tokens == 0
    for reply in again:
        assert reply.cached_tokens is not None
        assert 32 <= reply.cached_tokens < (reply.prompt_tokens or 0)
    assert again[0].text == first[0].text
    assert again[1].scores == pytest.approx(first[1].scores, abs=_SCORE_NOISE)


@needs_vllm
def test_more_labels_than_are_scored_at_once(transformers: TransformersEngine, vllm: Any) -> None:
    choices = tuple(transformers.tokenizer.decode([token]) + "." for token in range(300, 600))
    call = Call(prompt="Which one?", choices=choices)
    (ours,), (theirs,) = answers(vllm, [call]), answers(transformers, [call])
    assert len({choice[0] for choice in choices}) > 20
    assert ours.scores == pytest.approx(theirs.scores, abs=_SCORE_NOISE)


# -- held to choices ------------------------------------------------------------------------------------------------

#: Of the library that vLLM holds answers with, about how vLLM calls it; as an error it ends the call.
_old_words = pytest.mark.filterwarnings("ignore::DeprecationWarning")
_CHOICES = ("yes", "yes please", "క్రీడలు", 'say "no" \\ or [a-z]+', "旅行")


def _chosen(vllm: Any, calls: list[Call]) -> list[Reply]:
    found = {position: reply for group in vllm.choose(calls) for position, reply in group.items()}
    return [found[i] for i in range(len(calls))]


@needs_vllm
@_old_words
def test_a_chosen_answer_is_one_of_the_choices(vllm: Any) -> None:
    calls = [Call(prompt=f"Which? {i}", choices=_CHOICES, temperature=1.9, seed=i) for i in range(40)]
    texts = [reply.text for reply in _chosen(vllm, calls)]
    assert set(texts) <= set(_CHOICES)
    assert len(set(texts)) > 1
    for choice in _CHOICES:
        (only,) = _chosen(vllm, [Call(prompt="Which?", choices=(choice,))])
        assert (only.text, only.finish) == (choice, "stop")


@needs_vllm
@_old_words
def test_a_constraint_that_did_not_hold_is_a_failed_reply(vllm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from vllm import sampling_params

    real = sampling_params.StructuredOutputsParams
    monkeypatch.setattr(sampling_params, "StructuredOutputsParams", lambda choice: real(choice=["something else"]))
    (reply,) = _chosen(vllm, [Call(prompt="Which?", choices=_CHOICES)])
    assert reply.finish == "failed"
    assert not reply.is_answer
    assert "'something else' is none of the choices" in reply.reason


@needs_vllm
@pytest.mark.filterwarnings("error:max_rollback_tokens:DeprecationWarning")
def test_a_call_that_vllm_ends_is_a_failed_reply(vllm: Any) -> None:
    (reply,) = _chosen(vllm, [Call(prompt="Which?", choices=("one", "another"))])
    assert (reply.text, reply.finish) == ("", "failed")
    assert "vllm ended the call by error" in reply.reason


@needs_vllm
def test_only_calls_with_choices_are_held_to_them(vllm: Any) -> None:
    with pytest.raises(ValueError, match="choices"):
        vllm.choose([Call(prompt="Which?")])


# -- loading --------------------------------------------------------------------------------------------------------


@needs_vllm
def test_only_safetensors_are_read_no_code_is_run_and_threads_stay_ours(vllm: Any) -> None:
    import torch

    settings = vllm._held[0].vllm_config
    assert settings.load_config.load_format == "safetensors"
    assert settings.model_config.trust_remote_code is False
    assert settings.cache_config.enable_prefix_caching is True
    assert settings.model_config.dtype == torch.float32
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    assert torch.get_num_threads() == before + 1


@needs_vllm
def test_two_engines_in_one_process_and_one_that_is_closed_gives_its_memory_back(vllm: Any) -> None:
    call = Call(prompt="Which sport is it?")
    before = answers(vllm, [call])
    one = psutil.Process().memory_info().rss
    student: Any = load("vllm", pocket("student"), EngineOptions(max_model_len=64))
    assert answers(student, [call])[0].prompt_tokens == before[0].prompt_tokens
    assert "exceeds the context of 64" in answers(student, [Call(prompt="sport " * 64)])[0].reason
    two = psutil.Process().memory_info().rss
    student.close()
    closed = psutil.Process().memory_info().rss
    assert two - one > 2**28
    assert closed - one < (two - one) / 4
    with pytest.raises(EngineError, match="the engine is closed"):
        answers(student, [call])
    assert answers(vllm, [call])[0].text == before[0].text


@needs_vllm
def test_a_setting_that_vllm_does_not_take_is_one_line(vllm: Any) -> None:
    with pytest.raises(EngineError, match=r"pocket-teacher: vllm refuses the call \(temperature must be in") as raised:
        answers(vllm, [Call(prompt="Write.", temperature=2.5)])
    assert "\n" not in str(raised.value)


def _copy(folder: Path, **config: Any) -> Model:
    """Returns a model with other settings than the student's."""
    shutil.copytree(pocket("student").source, folder)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **config}), "utf-8")
    return Model(name="copy", source=str(folder), digest="d")


@needs_vllm
def test_what_cannot_be_loaded_is_one_line_that_says_what_to_change(tmp_path: Path) -> None:
    cases: list[tuple[Model, dict[str, Any], str]] = [
        (pocket("student"), {"max_model_len": 4096}, r"max_model_len \(4096\) is greater .*; correct --engine-arg"),
        (pocket("student"), {"quantization": "magic"}, r"Unknown quantization method: magic.*; correct --engine-arg"),
        (
            Model(name="none", source=str(tmp_path / "none"), digest="d"),
            {},
            "none: cannot load the model .*config.json",
        ),
        (_copy(tmp_path / "hungry", max_position_embeddings=2**27), {}, "does not fit into memory .*max_model_len="),
        (_copy(tmp_path / "odd", architectures=["OddModel"]), {}, "copy: cannot load the model .*OddModel"),
    ]
    for model, settings, expected in cases:
        with pytest.raises(EngineError, match=expected) as raised:
            load("vllm", model, EngineOptions(**settings))
        assert "\n" not in str(raised.value)


@needs_vllm
def test_weights_that_are_no_safetensors_are_not_read(tmp_path: Path) -> None:
    model = _copy(tmp_path / "pickled")
    (tmp_path / "pickled" / "model.safetensors").rename(tmp_path / "pickled" / "pytorch_model.bin")
    with pytest.raises(EngineError, match="copy: cannot load the model"):
        load("vllm", model, EngineOptions())


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vllm is installed")
def test_without_vllm_one_line_says_how_to_get_it() -> None:
    with pytest.raises(EngineError, match=r"vllm cannot be imported .*; install it .*setup-vllm") as raised:
        load("vllm", pocket("teacher"), EngineOptions())
    assert "\n" not in str(raised.value)
