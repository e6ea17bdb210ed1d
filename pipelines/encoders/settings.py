"""How an encoder is to be used, as its files say: what stands before a text, how its tokens become one vector.

The files are those of sentence-transformers. Not here: loading the encoder.
"""

import json
import re
from pathlib import Path, PurePosixPath
from typing import Any

from sdc.errors import EngineError
from sdc.pipelines.engines import hub, pinned
from sdc.pipelines.engines.models import Model

_PROMPTS, _MODULES = "config_sentence_transformers.json", "modules.json"
#: The prompts that suit a text that is to be classified, the best first.
_WANTED = ("classification", "Classification", "query")
_E5 = re.compile(r"(?:^|[-_/])e5(?:$|[-_/])", re.IGNORECASE)
#: What pooling is called: with a switch for each kind in older files, by its name in newer ones.
_SWITCH = re.compile(r"pooling_mode_(\w+?)(?:_tokens?)?")


def prefix_of(model: Model) -> str:
    """Returns what an encoder wants to read before a text: what its files say, or the E5 family's `query: `.

    Raises:
        EngineError: It is no encoder, or its files cannot be read.
    """
    _check(model)
    if model.package:
        return "query: "
    about = _read(model, _PROMPTS)
    prompts = about.get("prompts") if isinstance(about, dict) else None
    if isinstance(prompts, dict):
        names = (*_WANTED, str(about.get("default_prompt_name")))
        for prompt in (prompts.get(name) for name in names):
            if isinstance(prompt, str) and prompt:
                return prompt
    return "query: " if _E5.search(model.source if not model.digest else model.name) else ""


def pooling_of(model: Model) -> str:
    """Returns how an encoder's files say that its tokens become one vector, by any name; `mean` if they do not.

    Raises:
        EngineError: It is no encoder, or its files cannot be read.
    """
    _check(model)
    modules = None if model.package else _read(model, _MODULES)
    for module in modules if isinstance(modules, list) else ():
        if isinstance(module, dict) and str(module.get("type")).rpartition(".")[2] == "Pooling":
            name = PurePosixPath(str(module.get("path"))) / "config.json"
            if name.is_absolute() or ".." in name.parts:
                raise EngineError(f"{_MODULES} leads out of the folder ({str(name)[:80]!r})", model.name, "mend it")
            about = _read(model, str(name))
            if not isinstance(about, dict):
                raise EngineError(f"{_MODULES} names {name}, which is no settings", model.name, "mend or remove it")
            return _mode(about)
    return "mean"


def _mode(about: dict[str, Any]) -> str:
    """Returns the kinds of pooling that are on, joined where there are several.

    >>> _mode({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}), _mode({"pooling_mode": "mean"})
    ('cls', 'mean')
    """
    if isinstance(about.get("pooling_mode"), str):
        return str(about["pooling_mode"])
    found = ((_SWITCH.fullmatch(str(name)), value) for name, value in about.items())
    return " and ".join(match[1] for match, value in found if match and value is True) or "mean"


def _check(model: Model) -> None:
    hub.check_files(model, package=True)
    if model.adapter or not model.think:
        raise EngineError("an encoder takes no adapter and does not reason", model.name, "name the model alone")


def _read(model: Model, name: str) -> Any:
    """Returns what a file of a model holds, None if it is not there."""
    path = Path(model.source) / name
    if not model.digest:
        assert model.revision is not None
        path = pinned.file(model.source, model.revision, name)
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise EngineError(f"cannot read {name} ({str(error)[:120]})", model.name, "mend or remove it") from error
