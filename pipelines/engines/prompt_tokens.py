"""From a prompt to token ids, the same for every engine: the user's message in the model's chat template, one BOS.

Here: tokenizers and the template. Not here: padding, sampling (each engine).
"""

import re
from typing import Any

from sdc.errors import EngineError, first_line
from sdc.pipelines.engines import thinking, tokenizers, turns
from sdc.pipelines.engines.models import Model

_WORDS = "sdc-question"
#: Jinja's filter that takes one of a list.
_DRAWS = re.compile(r"\|\s*random\b")


def load_tokenizer(model: Model) -> Any:
    """Returns the model's tokenizer.

    Raises:
        EngineError: It is not on this machine and cannot be fetched, or cannot be read.
    """
    tokenizer = tokenizers.load(model)
    tokenizer.name_or_path = model.name  # for errors
    turns.fix_date(tokenizer)
    _check_template(tokenizer)
    return thinking.switched(tokenizer, model)


def prompt_ids(tokenizer: Any, prompt: str) -> list[int]:
    """Returns the token ids of a user message in the chat template: exactly one BOS, if the model has one."""
    if tokenizer.chat_template is None:
        return list(tokenizer(prompt)["input_ids"])
    # The template is tokenised in one go. Rendering it to text and tokenising that adds a second BOS.
    try:
        encoded = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], add_generation_prompt=True, tokenize=True, return_dict=True
        )
    except Exception as error:  # a template raises what it likes
        raise _broken(tokenizer, error) from error
    return list(encoded["input_ids"])


def _check_template(tokenizer: Any) -> None:
    """Raises an EngineError if the chat template cannot be used, or loses what the user says: prompts would be one."""
    if tokenizer.chat_template is None:
        return
    if _DRAWS.search(str(tokenizer.chat_template)):
        raise _broken(tokenizer, ValueError("it uses `random`: equal questions would be asked in other words"))
    try:
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": _WORDS}], add_generation_prompt=True, tokenize=False
        )
    except Exception as error:  # a template raises what it likes
        raise _broken(tokenizer, error) from error
    if _WORDS not in text:
        raise _broken(tokenizer, ValueError("the user's message is not in what it makes"))


def _broken(tokenizer: Any, error: Exception) -> EngineError:
    fix = "correct chat_template, or remove it for plain prompts"
    return EngineError(f"the chat template cannot be used ({first_line(error)})", tokenizer.name_or_path, fix)
