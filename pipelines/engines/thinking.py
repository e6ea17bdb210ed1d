"""The reasoning switch of a model's chat template, and thoughts that the template opens or special tokens mark.

Here: turning reasoning off on this machine, closing an open thought before an answer is scored, decoding with the
marks of reasoning. Not here: splitting reasoning off (`reasoning.py`), what servers are told (`openai/chat.py`).
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sdc.errors import EngineError
from sdc.pipelines.engines import reasoning
from sdc.pipelines.engines.models import Model

#: Variables with which templates are told to leave reasoning out.
SWITCHES = ("enable_thinking", "thinking")
_SWITCH = re.compile(rf"\b(?:{'|'.join(SWITCHES)})\b")


def switched(tokenizer: Any, model: Model) -> Any:
    """Returns the tokenizer, its template told to leave reasoning out where the model is asked without.

    Raises:
        EngineError: The template has no switch for that.
    """
    if model.think:
        return tokenizer
    template = tokenizer.chat_template
    if not isinstance(template, str) or not _SWITCH.search(template):
        fix = "drop --no-think, or name a model whose template has one"
        raise EngineError("the chat template has no switch for reasoning", model.name, fix)
    settings = "".join(f"{{%- set {name} = false -%}}" for name in SWITCHES)
    tokenizer.chat_template = settings + template
    return tokenizer


def before_answer(tokenizer: Any) -> list[int]:
    """Returns the tokens that close a thought which the template has opened; none if it has not.

    A label that is scored follows them: its likelihood within a thought would say nothing about the answer.
    """
    opened = opened_by(tokenizer)
    return list(tokenizer(reasoning.closing(opened), add_special_tokens=False)["input_ids"]) if opened else []


def opened_by(tokenizer: Any) -> str:
    """Returns the tag of the thought that a prompt ends in, by the template; empty without one."""
    template = tokenizer.chat_template
    # Rendering takes a moment, and only templates with such a tag open a thought.
    return _opened_by(tokenizer, template) if isinstance(template, str) and reasoning.MARKS.search(template) else ""


@lru_cache(maxsize=8)
def _opened_by(tokenizer: Any, template: str) -> str:
    message = [{"role": "user", "content": "x"}]
    return reasoning.is_open(tokenizer.apply_chat_template(message, add_generation_prompt=True, tokenize=False))


def decode(tokenizer: Any, ids: Sequence[int]) -> str:
    """Returns the text of generated tokens without special ones, but with the marks of reasoning among those."""
    marks, others = _special(tokenizer)
    text = str(tokenizer.decode(ids, skip_special_tokens=not marks.intersection(ids)))
    if marks.intersection(ids):
        for token in others:
            text = text.replace(token, "")
    opened = opened_by(tokenizer)
    return opened + text if opened else text


@lru_cache(maxsize=8)
def _special(tokenizer: Any) -> tuple[frozenset[int], tuple[str, ...]]:
    """Returns the special tokens that mark reasoning, and the texts of those that never do."""
    special = {number: str(token) for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    marks = frozenset(number for number, text in special.items() if reasoning.is_mark(text))
    return marks, tuple(text for text in special.values() if not reasoning.is_part(text))
