"""The TOML file of an experiment: what may stand in it, and the experiment that it says.

Here: the tables and their keys. Not here: reading tables (`tables.py`), what an experiment is (`experiment.py`).
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from sdc.errors import UsageError
from sdc.pipelines import files, presets
from sdc.pipelines.gen.config import GenConfig
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.records.draws import check_source
from sdc.pipelines.run.experiment import CALIBRATE, SEEDS, Experiment, Line, Stop
from sdc.pipelines.sample.config import SampleConfig, has_seeds
from sdc.pipelines.students import STUDENTS
from sdc.pipelines.text import tables

#: Bundled experiments.
FOLDER = Path(__file__).parent / "experiments"
#: What `model = "@generator"` stands for.
GENERATOR = "@generator"
ORDERS = ("informative", "cell", "student")
ONLY = ("cells.task", "cells.lang", "students.method", "students.model", "students.source")


def bundled() -> list[str]:
    """Returns the names of the experiments that come with sdc, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def text_of(name: str) -> tuple[str, str]:
    """Returns the text of a bundled experiment or of a file, and what to call it.

    Raises:
        UsageError: There is neither.
        DataError: The file cannot be read.
    """
    if name in bundled():
        return (FOLDER / f"{name}.toml").read_text("utf-8"), name
    path = Path(name)
    if path.suffix != ".toml":
        fix = f"use a file that ends in .toml, or one of {', '.join(bundled())}"
        raise UsageError(f"there is no experiment {name[:80]!r}", "sdc run", fix)
    return files.text(path, "the experiment"), str(path)


def load(name: str, *, changes: Sequence[str] = (), only: Sequence[str] = ()) -> Experiment:
    """Returns the experiment of a file, or a bundled one.

    Args:
        name: Path, or name of a bundled one.
        changes: PATH=VALUE, as `sample.repeats=3`.
        only: PATH=VALUE,..., as `students.method=lora`: the rest is left out.

    Raises:
        UsageError: Unknown, contradicting or missing keys.
        DataError: The file cannot be read.
    """
    text, where = text_of(name)
    raw = tables.with_environment(tables.with_set(tables.parse(text, where), changes), where)
    return of_tables(raw, where, only=tables.conditions(only, ONLY))


_TABLES = ("cells", "data", "generator", "judge", "sample", "students", "baselines", "order", "stop")
_CELLS = {"task": tuple[str, ...], "lang": tuple[str, ...]}


def of_tables(raw: Mapping[str, Any], where: str, *, only: Mapping[str, set[str]] | None = None) -> Experiment:
    """Returns the experiment that parsed tables describe; see `load`."""
    tables.check_names(raw, ("name", "preset", "seed", *_TABLES), where)
    for name in _TABLES:
        wanted: Any = list if name in ("students", "baselines") else dict
        if not isinstance(raw.get(name, wanted()), wanted):
            form = f"[[{name}]]" if wanted is list else f"[{name}]"
            raise UsageError(f"{name} is no table", where, f"write {form}")
    preset = tables.typed(raw.get("preset", presets.DEFAULT), str, f"{where}: preset")
    presets.load(preset, "sample")
    about = raw.get("cells", {})
    tables.check_names(about, (*_CELLS, "also", "exclude"), f"{where}: [cells]")
    lists = {name: tables.typed(about.get(name, []), kind, f"{where}: cells.{name}") for name, kind in _CELLS.items()}
    sample = _settings(raw.get("sample", {}), SampleConfig, f"{where}: [sample]", more={"source": tuple[str, ...]})
    sources = sample.pop("source", ("synthetic",))
    for source in sources:
        check_source(source)
    if "seed_weight" in sample and not any(map(has_seeds, sources)):
        fix = "drop it, or add seeds+synthetic to sample.source"
        raise UsageError("no source has seeds beside other rows", f"{where}: sample.seed_weight", fix)
    generator = raw.get("generator")
    until_accepted = False
    if generator is not None:
        generator = _settings(generator, GenConfig, f"{where}: [generator]", more={"until_accepted": bool})
        until_accepted = generator.pop("until_accepted", False)
    data = raw.get("data", {})
    tables.check_names(data, ("from",), f"{where}: [data]")
    lines = [*_lines(raw, "baselines", where, sources, generator), *_lines(raw, "students", where, sources, generator)]
    if not lines:
        raise UsageError("there is no student", where, "add [[students]] with a method")
    wanted = only or {}
    kept = tuple(line for line in lines if line.is_baseline or _is_wanted(line, wanted))
    if wanted.keys() & {"students.method", "students.model"}:
        kept = tuple(line for line in kept if _is_wanted(line, wanted))
    if not kept:
        raise UsageError("no student is left", "--only", "see [[students]]")
    order = raw.get("order", {})
    tables.check_names(order, ("by",), f"{where}: [order]")
    by = tables.typed(order.get("by", ORDERS[0]), str, f"{where}: order.by")
    if by not in ORDERS:
        raise UsageError(f"unknown order {by[:80]!r}", f"{where}: [order]", tables.nearest(by, ORDERS))
    return Experiment(
        name=tables.typed(raw.get("name", Path(where).stem), str, f"{where}: name"),
        where=where,
        preset=preset,
        seed=tables.typed(raw.get("seed", 1337), int, f"{where}: seed"),
        tasks=lists["task"],
        langs=lists["lang"],
        also=_pairs(about.get("also", []), ("task", "lang"), f"{where}: cells.also", whole=True),
        exclude=_pairs(about.get("exclude", []), ("task", "lang", "source"), f"{where}: cells.exclude"),
        data=tables.typed(data["from"], str, f"{where}: data.from") if data else None,
        generator=generator,
        until_accepted=until_accepted,
        judge=_settings(raw.get("judge", {}), JudgeConfig, f"{where}: [judge]"),
        sample=sample,
        sources=sources,
        lines=kept,
        order=by,
        stop=Stop(**_settings(raw.get("stop", {}), Stop, f"{where}: [stop]")),
        only=wanted,
    )


def _settings(
    raw: Mapping[str, Any], config: type, where: str, more: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Returns a table whose keys are fields of a config."""
    hints: dict[str, Any] = {**get_type_hints(config), **(more or {})}
    own = (each.name for each in fields(config) if each.name != "seed" and not each.metadata.get("derived"))
    known = [*own, *(more or {})]
    tables.check_names(raw, list(dict.fromkeys(known)), where)
    return {name: tables.typed(value, hints[name], f"{where} {name}") for name, value in raw.items()}


def _pairs(raw: Any, known: Sequence[str], where: str, *, whole: bool = False) -> tuple[Mapping[str, str], ...]:
    if not isinstance(raw, list) or not all(isinstance(pair, dict) for pair in raw):
        raise UsageError("it is no list of tables", where, 'write [{ task = "sarcasm", lang = "en" }]')
    for pair in raw:
        tables.check_names(pair, known, where)
        if whole and set(pair) != set(known):
            raise UsageError(f"{' and '.join(known)} belong together", where, "name both")
    return tuple({name: tables.typed(value, str, where) for name, value in pair.items()} for pair in raw)


def _lines(
    raw: Mapping[str, Any], name: str, where: str, sources: tuple[str, ...], generator: Mapping[str, Any] | None
) -> Iterator[Line]:
    for number, table in enumerate(raw.get(name, [])):
        here = f"{where}: {name} {number + 1}"
        if not isinstance(table, dict):
            raise UsageError("it is no table", here, f"write [[{name}]]")
        methods = (*STUDENTS, "icl")
        method = table.get("method")
        if method not in methods:
            raise UsageError(f"unknown method {str(method)[:80]!r}", here, tables.nearest(str(method), methods))
        config: Any = IclConfig if method == "icl" else STUDENTS[method]
        hints: dict[str, Any] = get_type_hints(config)
        known = [each.name for each in fields(config) if each.name != "seed"]
        if getattr(config, "seeded", False):
            known += SEEDS
            hints |= dict.fromkeys(SEEDS, int)
        if method in STUDENTS:
            known.append(CALIBRATE)
            hints[CALIBRATE] = str
        tables.check_names(table, ("method", "source", "optional", *known), here)
        optional = tables.typed(table.get("optional", False), bool, f"{here} optional")
        own = tables.typed(table.get("source", list(sources)), tuple[str, ...], f"{here} source")
        for source in own:
            if source not in sources:
                raise UsageError(f"no draw is of source {source[:80]!r}", here, "add it to sample.source")
        crossed = {key: value for key, value in table.items() if key in known}
        lists = {
            key: value if isinstance(value, list) and get_origin(hints[key]) is not tuple else [value]
            for key, value in crossed.items()
        }
        for values in itertools.product(*lists.values()):
            settings = {
                key: tables.typed(value, hints[key], f"{here} {key}") for key, value in zip(lists, values, strict=True)
            }
            if settings.get("model") == GENERATOR:
                if generator is None or "model" not in generator:
                    raise UsageError(f"{GENERATOR} without a generator", here, "add [generator] with a model")
                settings["model"] = generator["model"]
            no_draw = method == "icl" and settings.get("shots") == 0 and not settings.get("select")
            yield Line(
                method=method,
                settings=settings,
                sources=() if no_draw else own,
                is_baseline=name == "baselines",
                is_optional=optional,
            )


def _is_wanted(line: Line, only: Mapping[str, set[str]]) -> bool:
    model = str(line.settings.get("model", ""))
    return line.method in only.get("students.method", {line.method}) and model in only.get("students.model", {model})
