"""export: a trained run as a folder that Hugging Face libraries, vLLM and `sdc predict --model` read.

Here: the order of things, and `sdc.json`. Not here: the weights (`weights.py` beside this package), what each part of
the folder holds (the files of this package).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sdc import __version__
from sdc.errors import UsageError
from sdc.pipelines import exported, weights
from sdc.pipelines.export import card, contents, facts, folder
from sdc.pipelines.run_record import RunRecord
from sdc.pipelines.stage import Context
from sdc.pipelines.students import StudentConfig


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """What is exported.

    Args:
        out: The folder to make.
        force: Replace an earlier export.
        onnx: Also write ONNX, in fp32 and int8, measured on the run's test rows.
        licence: Of the classifier, for the card; None is unknown.
        base: The model that the run started from, where it is not found by itself.
        keep_weights: Keep weights that had to be made again.
    """

    out: Path
    force: bool = False
    onnx: bool = False
    licence: str | None = None
    base: str | None = None
    keep_weights: bool = False


def run(context: Context, config: ExportConfig, record: RunRecord) -> dict[str, Any]:
    """Makes the folder, all of it or nothing, and returns what is in it.

    Returns:
        `key`, `method`, `out`, `bytes`, and with ONNX the measured agreement of each form as `onnx`.

    Raises:
        UsageError: The run has nothing to export, or the folder is in use.
        EngineError: Weights cannot be made again, or the libraries for ONNX are missing.
        StoreError: The folder cannot be written.
    """
    if record.method not in contents.WRITERS:
        fix = "use `sdc predict --run`, or export a run of `sdc train`"
        raise UsageError(f"run {record.short} is of method {record.method}: it has no weights of its own", "--run", fix)
    card.check_licence(config.licence)
    if config.onnx:
        from sdc.pipelines.export import onnx

        onnx.check(record)
    folder.check(config.out, force=config.force)
    settings = weights.settings(record)
    found = facts.collect(context, record)
    measured: list[Any] = []
    with (
        weights.folder(context, record, base=config.base, keep=config.keep_weights) as source,
        folder.writing(config.out, force=config.force, notes=context.store.place.exports) as out,
    ):
        contents.WRITERS[record.method](source, out, record, settings)
        if config.onnx:
            measured = onnx.export(context, record, out)
        _write_json(out / exported.FILE, _about(record, settings))
        _write_json(out / "recipe.json", facts.recipes(found))
        text = card.render(context, found, settings, name=config.out.name, licence=config.licence, measured=measured)
        (out / "README.md").write_text(text, "utf-8")
        size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    summary = {"key": record.artifact.key, "method": record.method, "out": str(config.out), "bytes": size}
    return summary | ({"onnx": [asdict(form) for form in measured]} if measured else {})


def _about(record: RunRecord, config: StudentConfig) -> dict[str, Any]:
    """Returns `sdc.json`: what `sdc predict --model` must know beside the weights; no path of this machine."""
    settings = {name: value for name, value in asdict(config).items() if name != "model"}
    model = None
    if "model" in record.artifact.config:
        model = {"name": record.model, "identity": record.artifact.config["model"]}
    return {
        "format": exported.FORMAT,
        "sdc": __version__,
        "run": record.artifact.key,
        "method": record.method,
        "lang": record.cell.lang,
        "task": asdict(record.cell.task),
        "settings": settings,
        "base": model,
    }


def _write_json(path: Path, value: Mapping[str, Any] | list[Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", "utf-8")
