"""The end of a turn and the date are the chat template's: in scores, training targets, generation and keys."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sdc.cache.store import Store
from sdc.errors import EngineError
from sdc.pipelines import tasks
from sdc.pipelines.engines import answers, models, turns
from sdc.pipelines.engines.local.transformers import TransformersEngine
from sdc.pipelines.engines.models import POCKET, Model
from sdc.pipelines.engines.prompt_tokens import load_tokenizer, prompt_ids
from sdc.pipelines.engines.protocol import Call

#: As Gemma's: a turn ends with a token that is not `eos`.
GEMMA = (
    "{{ bos_token }}{% for message in messages %}<|user|>{{ message['content'] | trim }}<|assistant|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|user|>{% endif %}"
)
LLAMA_2 = "{% for m in messages %}{{ m['content'] }}{{ ' ' + eos_token }}{% endfor %}"
CLOCK = (
    "{{ bos_token }}{% if strftime_now is defined %}{% set today = strftime_now('%d %b %Y, %-d.%m. %A %H:%M') %}"
    "{% else %}{% set today = 'never' %}{% endif %}\n  {{ today }}\n{% for m in messages %}<|user|>{{ m['content'] }}"
    "{{ eos_token }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def with_template(folder: Path, template: str | None, *, as_file: bool = False, **more: Any) -> Path:
    """Writes the student with another chat template."""
    shutil.copytree(POCKET / "student", folder)
    path = folder / "tokenizer_config.json"
    about = {**json.loads(path.read_text("utf-8")), **more}
    del about["chat_template"]
    if template is not None and as_file:
        (folder / "chat_template.jinja").write_text(template, "utf-8")
    elif template is not None:
        about["chat_template"] = template
    path.write_text(json.dumps(about), "utf-8")
    return folder


def model(folder: Path) -> Model:
    return Model(name="mine", source=str(folder), digest="d")


@pytest.mark.parametrize("as_file", [False, True])
def test_an_answer_ends_with_what_the_template_puts_behind_it(tmp_path: Path, as_file: bool) -> None:
    tokenizer = load_tokenizer(model(with_template(tmp_path / "m", GEMMA, as_file=as_file)))
    end = tokenizer.convert_tokens_to_ids("<|assistant|>")
    assert end != tokenizer.eos_token_id
    assert answers.choice_ids(tokenizer, "yes")[-1] == end
    assert {end, tokenizer.eos_token_id} <= answers.end_ids(tokenizer, None)


@pytest.mark.parametrize(
    "template",
    [LLAMA_2, None, "{{ messages[0]['content'] }}",
     "{% for m in messages %}{{ m['content'] }} and more{{ eos_token }}{% endfor %}", CLOCK],
)  # fmt: skip
def test_it_is_eos_where_the_template_says_so_or_nothing(tmp_path: Path, template: str | None) -> None:
    folder = with_template(tmp_path / "m", template)
    tokenizer = load_tokenizer(model(folder))
    assert answers.choice_ids(tokenizer, "yes")[-1] == tokenizer.eos_token_id


def test_scores_are_those_of_the_answer_and_that_token(tmp_path: Path) -> None:
    import torch

    engine = TransformersEngine(model(with_template(tmp_path / "m", GEMMA)))
    end = engine.tokenizer.convert_tokens_to_ids("<|assistant|>")
    prompts, choices = ("a text", "another one that is longer"), ("yes", "no")
    (replies,) = list(engine.answer([Call(prompt=prompt, choices=choices) for prompt in prompts]))
    for i, prompt in enumerate(prompts):
        ids = prompt_ids(engine.tokenizer, prompt)
        for number, choice in enumerate(choices):
            tokens = [*engine.tokenizer(choice, add_special_tokens=False)["input_ids"], end]
            with torch.inference_mode():
                logp = engine._model(input_ids=torch.tensor([[*ids, *tokens]])).logits[0].log_softmax(-1)
            expected = sum(float(logp[len(ids) - 1 + at, token]) for at, token in enumerate(tokens))
            assert replies[i].scores[number] == pytest.approx(expected, abs=1e-3)


def test_training_targets_end_with_it_too(tmp_path: Path) -> None:
    from sdc.pipelines.students.lora.instruct import Instructions

    tokenizer = load_tokenizer(model(with_template(tmp_path / "m", GEMMA)))
    task = tasks.load("topic")
    rows = Instructions(tokenizer, lambda text: prompt_ids(tokenizer, text), task, limit=1024, model="mine")
    assert rows.row("a text", 1).ids[-1] == tokenizer.convert_tokens_to_ids("<|assistant|>")


def test_generation_stops_there(tmp_path: Path) -> None:
    engine = TransformersEngine(model(with_template(tmp_path / "m", GEMMA)))
    end = engine.tokenizer.convert_tokens_to_ids("<|assistant|>")
    assert end in engine._ends
    head = engine._model.lm_head.weight.data
    head[end] = 50 * head.abs().sum(0).sign()  # whatever is asked, the end of a turn is likely
    ((reply,),) = [list(group.values()) for group in engine.answer([Call(prompt="a", max_tokens=64)])]
    assert reply.finish in ("stop", "length")
    assert end in answers.end_ids(engine.tokenizer, 2)


# -- the date -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_file", [False, True])
def test_a_template_that_asks_for_the_date_is_told_the_same_one_each_day(tmp_path: Path, as_file: bool) -> None:
    tokenizer = load_tokenizer(model(with_template(tmp_path / "m", CLOCK, as_file=as_file)))
    text = tokenizer.apply_chat_template([{"role": "user", "content": "X"}], tokenize=False, add_generation_prompt=True)
    assert text == "<|bos|>  26 Jul 2024, 26.07. Friday 00:00\n<|user|>X<|end|><|assistant|>"


# -- keys -----------------------------------------------------------------------------------------------------------


def test_rules_are_in_the_key_only_where_a_template_needs_them(store: Store, tmp_path: Path) -> None:
    def rules(name: str, template: str | None, **more: Any) -> dict[str, str]:
        found = models.resolve(store, str(with_template(tmp_path / name, template, **more)))
        assert found.identity() == {"digest": found.digest, **found.rules}
        return dict(found.rules)

    assert rules("gemma", GEMMA) == {"turn_end": "<|assistant|>\n"}
    assert rules("file", GEMMA, as_file=True) == {"turn_end": "<|assistant|>\n"}
    assert rules("named", None, chat_template=[{"name": "tool", "template": "x"},
                                               {"name": "default", "template": GEMMA}]) == {}  # fmt: skip
    assert rules("clock", CLOCK) == {"date": "2024-07-26"}
    for number, template in enumerate((LLAMA_2, None, "{{ raise_exception('no') }}", "{% broken", "{{ 1 / 0 }}")):
        assert rules(str(number), template) == {}
    for name in (models.STUDENT, models.TEACHER):
        assert models.resolve(store, name).rules == {}


def test_the_rule_and_the_engine_say_the_same(tmp_path: Path) -> None:
    for number, template in enumerate((GEMMA, LLAMA_2, CLOCK, None)):
        folder = with_template(tmp_path / str(number), template)
        tokenizer = load_tokenizer(model(folder))
        is_other = turns.end_of_turn(tokenizer) != tokenizer.eos_token_id
        assert is_other == ("turn_end" in turns.rules(folder))


def test_a_template_that_draws_at_random_is_refused(tmp_path: Path) -> None:
    """Equal questions were asked in other words each time, under one key."""
    folder = with_template(tmp_path / "m", "{{ ['a', 'b'] |random }}{{ messages[0]['content'] }}")
    with pytest.raises(EngineError, match=r"chat template cannot be used \(it uses `random`"):
        load_tokenizer(model(folder))
    load_tokenizer(model(with_template(tmp_path / "n", "a random text: {{ messages[0]['content'] }}")))
