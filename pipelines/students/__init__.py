"""The students: small models that are trained. One file each; `STUDENTS` is the whole list.

Here: method name -> student. Not here: prompting, which trains nothing (`icl.py`).
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sdc.cache.store import Store
from sdc.errors import UsageError
from sdc.pipelines import presets
from sdc.pipelines.engines import models
from sdc.pipelines.students.finetune import FinetuneConfig, FinetuneStudent
from sdc.pipelines.students.linear import LinearConfig, LinearStudent
from sdc.pipelines.students.lora import LoraConfig, LoraStudent
from sdc.pipelines.students.protocol import Student
from sdc.pipelines.tasks import Task

__all__ = ["STUDENTS", "FinetuneConfig", "LinearConfig", "LoraConfig", "StudentConfig", "configured", "create"]

StudentConfig = LinearConfig | FinetuneConfig | LoraConfig

#: What `--method` takes -> (settings, student). A student is made from its settings and the store.
STUDENTS: Mapping[str, tuple[type[StudentConfig], type[Student]]] = {
    "linear": (LinearConfig, LinearStudent),
    "finetune": (FinetuneConfig, FinetuneStudent),
    "lora": (LoraConfig, LoraStudent),
}


def configured(store: Store, method: str, *, preset: str, flags: Mapping[str, Any]) -> StudentConfig:
    """Returns the settings of a method: flags over what the model needs over the preset over the defaults.

    Args:
        store: Remembers the digests of local models.
        method: A name in `STUDENTS`.
        preset: Name of the preset.
        flags: What the user gave; None stands for not given.

    Raises:
        UsageError: There is no such method or preset, or the method has no such setting.
    """
    if method not in STUDENTS:
        raise UsageError(f"unknown method {method!r}", "--method", f"use one of {', '.join(STUDENTS)}")
    config_class = STUDENTS[method][0]
    known = {field.name for field in fields(config_class)}
    given = {name: value for name, value in flags.items() if value is not None}
    for name in given:
        if name not in known:
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(f"method {method} has no {flag}", fix=f"drop {flag}, or use another --method")
    settings = presets.load(preset, "train", method)
    if "model" in known:
        settings["model"] = given.get("model", settings.get("model") or models.STUDENT)
        config_class(**{**settings, **given})  # a wrong setting is said before a hub is asked about the model
        settings |= getattr(models.resolve(store, settings["model"]), method, {})
    return config_class(**{**settings, **given})


def create(store: Store, config: StudentConfig, task: Task) -> Student:
    """Returns the student of a task with these settings; nothing heavy is imported before it fits."""
    if isinstance(config, FinetuneConfig):
        return FinetuneStudent(config, models.resolve(store, config.model), labels=task.label_names)
    if isinstance(config, LoraConfig):
        return LoraStudent(config, models.resolve(store, config.model), task)
    return LinearStudent(config)
