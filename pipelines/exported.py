"""A folder that `sdc export` wrote, opened as a predictor: no store is needed.

Here: `sdc.json` and what it leads to. Not here: writing such a folder (`export/`).
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from sdc.errors import UsageError
from sdc.pipelines import tasks
from sdc.pipelines.engines import models
from sdc.pipelines.predictors import Predictor
from sdc.pipelines.run_record import base_model
from sdc.pipelines.stage import Context
from sdc.pipelines.students import LoraConfig, loaded, onnx
from sdc.pipelines.students.finetune import PRECISIONS
from sdc.pipelines.students.loaded import Answers
from sdc.pipelines.students.lora import LoraStudent
from sdc.pipelines.tasks import Task

FILE = "sdc.json"
#: The version of that file.
FORMAT = 1
_NEEDED = ("format", "method", "task", "settings", "run")


@contextmanager
def of_folder(context: Context, folder: Path, *, precision: str | None, base: str | None) -> Iterator[Predictor]:
    """Gives the predictor in a folder.

    Args:
        context: Its store only remembers digests of models; there need be none.
        folder: The exported folder.
        precision: Run the ONNX form of this precision; None runs the weights.
        base: The model that an adapter belongs to, where it is not found by itself.

    Raises:
        UsageError: The folder is no export, is of a newer sdc, or has no such form.
        EngineError: The weights cannot be loaded.
    """
    about = _about(folder)
    task = tasks.from_mapping(about["task"], where=str(folder / FILE))
    method = about["method"]
    if precision is not None and method != "finetune":
        raise UsageError(f"method {method} has no ONNX form", "--onnx", "drop the flag")
    if base is not None and method != "lora":
        raise UsageError(f"a folder of method {method} needs no other model", "--base", "drop the flag")
    if precision is not None:
        answers = onnx.answers(folder, precision=precision, max_length=_max_length(about, folder))
    elif method == "linear":
        answers = loaded.linear(folder)
    elif method == "finetune":
        answers = loaded.transformer(
            folder, name=str(folder), max_length=_max_length(about, folder), precision=_precision(about, folder)
        )
    else:
        answers = _adapter(context, folder, about, task, base=base)
    yield Predictor(name=str(folder), task=task, answers=answers)


def _adapter(context: Context, folder: Path, about: Mapping[str, Any], task: Task, *, base: str | None) -> Answers:
    known = {field.name for field in fields(LoraConfig)}
    settings = {name: value for name, value in about["settings"].items() if name in known}
    model: Any = about.get("base")
    try:
        identity, name = dict(model["identity"]), str(model["name"])
        config = LoraConfig(**settings)
    except (TypeError, ValueError, LookupError) as error:
        raise _strange(folder) from error
    name = base_model(context.store, identity, name, given=base, where=str(folder))
    student = LoraStudent(replace(config, model=name), models.resolve(context.store, name), task)
    return loaded.adapter(folder, student)


def _about(folder: Path) -> dict[str, Any]:
    path = folder / FILE
    try:
        about = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        fix = "name a folder that `sdc export` wrote"
        raise UsageError(f"the folder is no export ({FILE} is missing)", str(folder)[:200], fix) from error
    except (OSError, ValueError, RecursionError) as error:
        what = f"{FILE} cannot be read ({str(error)[:120]})"
        raise UsageError(what, str(folder)[:200], "export it again") from error
    if not isinstance(about, dict) or any(name not in about for name in _NEEDED):
        raise _strange(folder)
    if not isinstance(about["settings"], dict) or not isinstance(about["task"], dict):
        raise _strange(folder)
    if about["format"] != FORMAT or about["method"] not in ("linear", "finetune", "lora"):
        what = f"{FILE} has format {about['format']!r} and method {about['method']!r}"
        raise UsageError(what, str(folder), "update sdc, or export it again")
    return about


def _max_length(about: Mapping[str, Any], folder: Path) -> int:
    found = about["settings"].get("max_length")
    if not isinstance(found, int) or found < 1:
        raise _strange(folder)
    return found


def _precision(about: Mapping[str, Any], folder: Path) -> str:
    found = about["settings"].get("precision", "auto")
    if found not in PRECISIONS:
        raise _strange(folder)
    return str(found)


def _strange(folder: Path) -> UsageError:
    return UsageError(f"{FILE} is not what `sdc export` writes", str(folder), "export it again")
