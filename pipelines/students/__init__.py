"""The students: small models that are trained. `STUDENTS` is the whole list; each owns all that is special about it.

Here: method name -> settings, which build the student. Not here: prompting, which trains nothing (`icl.py`).
"""

from collections.abc import Mapping
from dataclasses import fields
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from sdc.errors import UsageError, one_of
from sdc.pipelines import presets
from sdc.pipelines.stage import Context
from sdc.pipelines.students.finetune import FinetuneConfig
from sdc.pipelines.students.linear import LinearConfig
from sdc.pipelines.students.lora import LoraConfig
from sdc.pipelines.students.probe import ProbeConfig
from sdc.pipelines.students.protocol import StudentConfig

__all__ = [
    "STUDENTS",
    "FinetuneConfig",
    "LinearConfig",
    "LoraConfig",
    "ProbeConfig",
    "StudentConfig",
    "configured",
    "of_settings",
]

#: What `--method` takes -> the settings, which build the student.
STUDENTS: Mapping[str, type[StudentConfig]] = {
    config.method: config for config in (LinearConfig, ProbeConfig, FinetuneConfig, LoraConfig)
}


def configured(context: Context, method: str, *, preset: str, flags: Mapping[str, Any]) -> StudentConfig:
    """Returns the settings of a method: flags over what the model needs over the preset over the defaults.

    Args:
        context: Knows the models.
        method: A name in `STUDENTS`.
        preset: Name of the preset.
        flags: What the user gave; None stands for not given.

    Raises:
        UsageError: There is no such method or preset, or the method has no such setting.
    """
    if method not in STUDENTS:
        raise UsageError(f"unknown method {method!r}", "--method", one_of(method, STUDENTS))
    config_class = STUDENTS[method]
    known = {field.name for field in fields(config_class)}
    given = {name: value for name, value in flags.items() if value is not None}
    for name in given:
        if name not in known:
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(f"method {method} has no {flag}", fix=f"drop {flag}, or use another --method")
    settings = presets.load(preset, "train", method)
    if "model" in known:
        settings |= {"model": given["model"]} if "model" in given else {}
        config: Any = config_class(**{**settings, **given})  # what is wrong is said before a hub is asked for the model
        settings |= config_class.wanted_by(context.model(config.model))
    return config_class(**{**settings, **given})


def of_settings(method: str, settings: Mapping[str, Any], *, model: str | None = None) -> StudentConfig:
    """Returns the settings that a recipe or an exported folder holds; what is not among a method's is left out.

    Args:
        method: A name in `STUDENTS`.
        settings: Names and values.
        model: The model that it starts from; None: any, for what needs none.

    Raises:
        TypeError, UsageError: A value is none that the setting may have.
    """
    config_class = STUDENTS[method]
    hints = get_type_hints(config_class)
    known = {field.name for field in fields(config_class)} - {"model"}
    values = {name: value for name, value in settings.items() if name in known}
    for name, value in values.items():
        if not _is_of(value, hints[name]):
            raise TypeError(f"{name} is {value!r}")
    return config_class(**values, **({} if model is None else {"model": model}))


def _is_of(value: Any, hint: Any) -> bool:
    """Returns whether a value, as JSON gives it, has the type of a setting.

    >>> _is_of(3, float), _is_of(True, int), _is_of(None, int | None), _is_of(["a"], tuple[str, ...])
    (True, False, True, True)
    """
    if isinstance(hint, UnionType):
        return any(_is_of(value, part) for part in get_args(hint))
    if get_origin(hint) is tuple:
        return isinstance(value, list | tuple) and all(_is_of(part, get_args(hint)[0]) for part in value)
    if isinstance(value, bool):  # which Python takes for a number
        return hint is bool
    return isinstance(value, int | float if hint is float else hint)
