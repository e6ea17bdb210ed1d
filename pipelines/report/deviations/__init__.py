"""report deviations: every setting of a result that differs from the paper's, and what its text leaves open.

Here: settings of results against presets. Not here: presets (`presets/`), the open choices (`choices.toml`), defaults
of stages, which the caller knows.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sdc.cache.store import Artifact, Store
from sdc.pipelines import presets
from sdc.pipelines.records import results
from sdc.pipelines.report import Found
from sdc.pipelines.report.points import MAJORITY

PAPER, CODE = "paper", "code"
TITLE = (
    "settings of the results here that differ from the paper's text, with what its script has; then what the text"
    " leaves open, with what sdc takes"
)
#: Models that the paper has besides those of the preset.
_MODELS = {
    "gen": ("llama-3-70b",), "judge": ("llama-3-70b",), "finetune": ("xlm-r-large",),
    "lora": ("llama-3.1-8b", "gemma-3-4b", "qwen-2.5-7b"),
    "icl": ("llama-3-70b", "llama-3.1-8b", "gemma-3-4b", "qwen-2.5-7b"),
}  # fmt: skip
_NOT_IN_PAPER = "not in the paper"
#: Stage or method -> setting -> value.
_Settings = Mapping[str, Mapping[str, Any]]


def run(store: Store, found: Found, defaults: _Settings) -> list[dict[str, Any]]:
    """Returns one record per deviating setting and value, then one per open choice.

    Args:
        store: Where the results are.
        found: The points that are reported.
        defaults: Of every stage (`gen`, `judge`, `sample`, `icl`) and method; keys leave out what is at its default.
    """
    counts: dict[tuple[str, str, str], tuple[int, set[str]]] = {}
    shown: dict[tuple[str, str, str], tuple[str, str]] = {}
    for where, artifact, model in _artifacts(store, found):
        for setting, here, paper, code in _differences(where, artifact, model, defaults):
            what = (where, setting, here)
            number, cells = counts.setdefault(what, (0, set()))
            counts[what] = (number + 1, cells | {f"{artifact.lang}/{artifact.task}"})
            shown[what] = (paper, code)
    records = [
        {"kind": "setting", "stage": where, "setting": setting, "here": here, "paper": shown[where, setting, here][0],
         "code": shown[where, setting, here][1], "cells": len(counts[where, setting, here][1])}
        for where, setting, here in sorted(counts)
    ]  # fmt: skip
    return [*records, *open_choices()]


def open_choices() -> list[dict[str, Any]]:
    """Returns what the paper's text leaves open, each with what sdc takes."""
    listed = tomllib.loads((Path(__file__).parent / "choices.toml").read_text("utf-8"))["choices"]
    return [
        {"kind": "open", "stage": "report", "setting": choice["what"], "here": choice["sdc"],
         "paper": choice["paper"], "code": choice.get("code"), "cells": None}
        for choice in listed
    ]  # fmt: skip


def _artifacts(store: Store, found: Found) -> Iterable[tuple[str, Artifact, str | None]]:
    """Yields the stage or method, an artifact and the name of its model: of runs one for each setting in each cell."""
    points = [point for point in found.points if point.role != MAJORITY]
    first = {(point.lang, point.task, point.setting, point.shots): point for point in points if point.members}
    of_runs = {point.members[0].run: point for point in first.values()}
    for key, artifact in store.get_many(list(of_runs)).items():
        yield str(of_runs[key].method), artifact, of_runs[key].model
    for name, stage in (("generation", "gen"), ("judgement", "judge")):
        short = {key for point in points for key in str(getattr(point, name) or "").split(", ") if key}
        for artifact in store.resolve_many(sorted(short)) if short else ():
            usage = artifact.summary.get("usage") or {}
            yield stage, artifact, artifact.summary.get("model") or usage.get("model")
    samples = results.samples_behind(store, [member.run for point in points for member in point.members])
    for artifact in store.get_many(samples).values():
        yield "sample", artifact, None


def _differences(
    where: str, artifact: Artifact, model: str | None, defaults: _Settings
) -> Iterable[tuple[str, str, str, str]]:
    """Yields setting, value here, in the paper's text, and in the released script."""
    section = (where,) if where in ("gen", "judge", "sample", "icl") else ("train", where)
    paper = presets.load(PAPER, *section, task=artifact.task)
    code = presets.load(CODE, *section, task=artifact.task)
    known = _MODELS.get(where)
    if section[0] == "train":
        paper, code = ({**of_method, "calibrate": presets.load(name, "train")["calibrate"]}
                       for name, of_method in ((PAPER, paper), (CODE, code)))  # fmt: skip
    if where == "gen" and "digest" in artifact.config:  # rows that were made elsewhere: nobody knows how
        yield "rows", "imported", "written by the generator", "-"
        return
    if section[0] == "train" and known is None:
        yield "method", where, _NOT_IN_PAPER, _NOT_IN_PAPER
        return
    if known and model and model not in known:
        yield "model", model, " or ".join(known), " or ".join(known)
    for setting, wanted in paper.items():
        if setting == "model" or (setting == "shots" and artifact.config.get("shots") == 0):
            continue  # models are told by name, and prompting has no shots
        default = defaults.get(where, {}).get(setting)
        here = artifact.config.get(setting, default)
        if setting == "calibrate":
            here = "seeds" if here else wanted
        if setting == "gates":
            here = bool(here)  # a key has their version
        if setting == "max_tokens" and where == "icl" and artifact.config.get("decoding", "scores") == "scores":
            continue
        if setting == "sizes":
            wanted, here = _within(wanted, artifact), _within(here or (), artifact)
        if _text(here) != _text(wanted):
            yield setting, _text(here), _text(wanted), _text(code.get(setting, default))


def _within(sizes: Sequence[str], artifact: Artifact) -> list[str]:
    """Returns the sizes that the task goes up to; larger ones are never drawn."""
    most = artifact.config.get("sizes_up_to")
    return [size for size in sizes if not size.isdecimal() or most is None or int(size) <= most]


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    if isinstance(value, bool):
        return "on" if value else "off"
    return "-" if value is None else f"{value:g}" if isinstance(value, float | int) else str(value)
