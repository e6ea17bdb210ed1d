"""What a model's chat template decides beside the words of a prompt: the token that ends a turn, and the date.

Here: reading both off the template. The end of an answer is the token that the template puts behind one, which is not
always the tokenizer's `eos` (Gemma); a template that asks for today's date is always given the same one, so that a
prompt is the same tomorrow. Where a template needs one of these, that is part of the model's identity.

Not here: prompts (`prompt_tokens.py`).
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

#: What templates that ask for the date are told: the day that Llama's own falls back to.
DATE = date(2024, 7, 26)
_CLOCK = "strftime_now"
_ANSWER = "sdc-answer"
#: Settings of models that mix attention with layers of another memory.
_STATE = re.compile(r'"(mamba_|linear_num_|lru_|ssm_|conv_L_cache)')
_MESSAGES = [{"role": "user", "content": "sdc-question"}, {"role": "assistant", "content": _ANSWER}]
_DIRECTIVES = "aAbBdmyYHMSIpjUwWcxXfzZGuVeDFTRn"
#: Files that `rules` reads.
FILES = ("tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", "config.json")
_ENDS: "WeakKeyDictionary[Any, tuple[Any, int | None]]" = WeakKeyDictionary()


# -- of a folder, without a tokenizer -------------------------------------------------------------------------------


def rules(folder: Path) -> dict[str, str]:
    """Returns what of a model is read in sdc's own way: `turn_end`, `date` and `state`, where it needs them.

    A model whose turns end with its `eos` and whose template knows no date has neither. `state` have those that
    remember a text in another way than by keys and values: an earlier sdc let padding into it. What cannot be rendered
    has no rules; the engine says so when it is loaded.
    """
    about = _json(folder / FILES[0])
    template = _template(folder, about)
    found = {"state": "apart"} if _STATE.search(json.dumps(_json(folder / FILES[3]))) else {}
    if template is None:
        return found
    found |= {"date": DATE.isoformat()} if _CLOCK in template else {}
    special = {**_json(folder / FILES[1]), **about}
    tokens = {name: _token(special.get(name)) for name in ("bos_token", "eos_token", "pad_token", "unk_token")}
    end = _behind_answer(template, tokens)
    if end.strip() and not (tokens["eos_token"] and end.lstrip().startswith(tokens["eos_token"])):
        found["turn_end"] = end
    return found


def _behind_answer(template: str, tokens: Mapping[str, str]) -> str:
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, autoescape=False, extensions=["jinja2.ext.loopcontrols", _generation()]
    )
    environment.filters["tojson"] = lambda value, **how: json.dumps(value, ensure_ascii=False)
    environment.globals |= {"raise_exception": refuse, _CLOCK: DATE.strftime}
    with suppress(TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError):
        text = environment.from_string(template).render(messages=_MESSAGES, add_generation_prompt=False, **tokens)
        return text.rpartition(_ANSWER)[2] if _ANSWER in text else ""
    return ""


@cache
def _generation() -> Any:
    """Returns the extension that knows transformers' tag `generation`, which marks answers and prints nothing."""
    from jinja2 import nodes
    from jinja2.ext import Extension

    class Generation(Extension):
        tags = {"generation"}  # noqa: RUF012 (jinja's own form)

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body).set_lineno(line)

    return Generation


def _template(folder: Path, about: Mapping[str, Any]) -> str | None:
    with suppress(OSError, ValueError):
        return (folder / FILES[2]).read_text("utf-8")
    found = about.get("chat_template")
    if isinstance(found, list):
        named = {item.get("name"): item.get("template") for item in found if isinstance(item, dict)}
        found = named.get("default")
    return found if isinstance(found, str) else None


def _json(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(path.read_text("utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def _token(value: Any) -> str:
    found = value.get("content") if isinstance(value, dict) else value
    return found if isinstance(found, str) else ""


# -- of a tokenizer -------------------------------------------------------------------------------------------------


def end_of_turn(tokenizer: Any) -> int | None:
    """Returns the token that ends an answer: what the chat template puts behind one, else `eos`; None without any."""
    known = _ENDS.get(tokenizer)
    if known is None or known[0] != tokenizer.chat_template:
        known = (tokenizer.chat_template, _found(tokenizer))
        _ENDS[tokenizer] = known
    return known[1]


def _found(tokenizer: Any) -> int | None:
    eos = None if tokenizer.eos_token_id is None else int(tokenizer.eos_token_id)
    if tokenizer.chat_template is None:
        return eos
    try:
        text = tokenizer.apply_chat_template(_MESSAGES, tokenize=False, add_generation_prompt=False)
    except Exception:  # noqa: BLE001 (a template raises what it likes; some take questions only)
        return eos
    if _ANSWER not in text:
        return eos
    behind = tokenizer(text.rpartition(_ANSWER)[2], add_special_tokens=False)["input_ids"]
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    first = next((i for i, token in enumerate(behind) if token in special), None)
    if first is None or tokenizer.decode(behind[:first]).strip():
        return eos
    return int(behind[first])


def fix_date(tokenizer: Any) -> None:
    """Gives the templates of a tokenizer that ask for today's date always the same one, by a macro of that name."""
    template = tokenizer.chat_template
    if isinstance(template, dict):
        tokenizer.chat_template = {name: _dated(text) for name, text in template.items()}
    elif isinstance(template, str):
        tokenizer.chat_template = _dated(template)


def _dated(template: str) -> str:
    if _CLOCK not in template:
        return template
    parts = {f"%{mark}{sign}": DATE.strftime(f"%{mark}{sign}") for sign in _DIRECTIVES for mark in ("", "-")}
    filled = "".join(f"|replace({name!r},{value!r})" for name, value in parts.items() if name != value)
    # What stands behind `+%}` stays as it is: no line break is trimmed.
    return f"{{%- macro {_CLOCK}(format) -%}}{{{{ format{filled} }}}}{{%- endmacro +%}}{template}"
