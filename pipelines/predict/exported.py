"""A folder that `sdc export` wrote, opened as a predictor: no store is needed.

Here: `sdc.json` and what it leads to. Not here: writing such a folder (`export/`).
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sdc.errors import UsageError
from sdc.pipelines import tasks
from sdc.pipelines.predict.predictors import Predictor
from sdc.pipelines.records.run_record import base_model
from sdc.pipelines.stage import Context
from sdc.pipelines.students import STUDENTS, StudentConfig, calibrated, of_settings
from sdc.pipelines.students.protocol import Student
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
    config = STUDENTS[about["method"]]
    if base is not None and not config.needs_base:
        raise UsageError(f"a folder of method {config.method} needs no other model", "--base", "drop the flag")
    settings = _settings(about, folder)
    if precision is not None:
        answers = settings.load_onnx(folder, precision=precision)
    else:
        answers = settings.load(folder, name=str(folder), student=lambda: _student(context, folder, about, task, base))
    yield Predictor(name=str(folder), task=task, answers=calibrated.answers(folder, answers))


def _student(context: Context, folder: Path, about: Mapping[str, Any], task: Task, base: str | None) -> Student:
    """Returns the student with the model that it started from."""
    model: Any = about.get("base")
    try:
        identity, name = dict(model["identity"]), str(model["name"])
    except (TypeError, ValueError, LookupError) as error:
        raise _strange(folder) from error
    found = base_model(context.store, identity, name, given=base, where=str(folder))
    return _settings(about, folder, model=found).build(context, task)


def _settings(about: Mapping[str, Any], folder: Path, *, model: str | None = None) -> StudentConfig:
    try:
        found = of_settings(about["method"], about["settings"], model=model)
        if hasattr(found, "max_length") and "max_length" not in about["settings"]:
            raise _strange(folder)  # another length would give other answers without a word
        return found
    except (TypeError, ValueError, UsageError) as error:
        raise _strange(folder) from error


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
    if about["format"] != FORMAT or about["method"] not in STUDENTS:
        what = f"{FILE} has format {about['format']!r} and method {about['method']!r}"
        raise UsageError(what, str(folder), "update sdc, or export it again")
    return about


def _strange(folder: Path) -> UsageError:
    return UsageError(f"{FILE} is not what `sdc export` writes", str(folder), "export it again")
