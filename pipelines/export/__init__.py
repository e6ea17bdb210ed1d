"""export: a trained run as a folder that Hugging Face libraries, vLLM and `sdc predict --model` read.

Here: the order of things, and `sdc.json`. Not here: the weights (`weights.py` beside this package), what each part of
the folder holds (the files of this package).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sdc import __version__
from sdc.errors import UsageError
from sdc.pipelines.export import card, facts, folder, there
from sdc.pipelines.predict import exported, weights
from sdc.pipelines.records.run_record import RunRecord
from sdc.pipelines.stage import Context
from sdc.pipelines.students import STUDENTS, StudentConfig


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
    """Makes the folder, all of it or nothing, and returns what is in it; one that is there as it would be made stays.

    Returns:
        `key`, `hit`, `method`, `out`, `bytes`, and with ONNX the measured agreement of each form as `onnx`.

    Raises:
        UsageError: The run has nothing to export, or the folder is in use.
        EngineError: Weights cannot be made again, or the libraries for ONNX are missing.
        StoreError: The folder cannot be written.
    """
    if record.method not in STUDENTS:
        fix = "use `sdc predict --run`, or export a run of `sdc train`"
        raise UsageError(f"run {record.short} is of method {record.method}: it has no weights of its own", "--run", fix)
    card.check_licence(config.licence)
    if config.onnx:
        from sdc.pipelines.export import onnx

        onnx.check(record)
    chosen, found = weights.settings(record), facts.collect(context, record)
    about = _about(context, record, chosen) | {"onnx": config.onnx, "licence": config.licence}

    def texts(measured: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        name, forms = config.out.name, list(measured)
        readme = card.render(context, found, chosen, name=name, licence=config.licence, measured=forms)
        return {"recipe.json": _json(facts.recipes(found)), "README.md": readme}

    if not config.force and there.about(config.out).get("run") == record.artifact.key:
        forms = there.measured(config.out) if config.onnx else []
        other = there.differs(config.out, about, lambda: texts(forms))
        if other is not None:
            what = f"the folder has an export of this run {other}"
            raise UsageError(what, str(config.out), "name another one, or replace it with --force")
        return _summary(record, config, forms, hit=True)
    folder.check(config.out, force=config.force)
    forms = []
    with (
        weights.folder(context, record, base=config.base, keep=config.keep_weights) as source,
        folder.writing(config.out, force=config.force, notes=context.store.place.exports) as out,
    ):
        chosen.export(source, out, name=record.model, task=record.cell.task)
        if config.onnx:
            forms = [asdict(form) for form in onnx.export(context, record, out)]
        for name, text in texts(forms).items():
            (out / name).write_text(text, "utf-8")
        (out / exported.FILE).write_text(_json(about | {there.FILES: there.digests(out)}), "utf-8")
    return _summary(record, config, forms, hit=False)


def _summary(
    record: RunRecord, config: ExportConfig, forms: Sequence[Mapping[str, Any]], *, hit: bool
) -> dict[str, Any]:
    size = sum(path.stat().st_size for path in config.out.rglob("*") if path.is_file())
    summary = {"key": record.artifact.key, "hit": hit, "method": record.method, "out": str(config.out), "bytes": size}
    return summary | ({"onnx": list(forms)} if forms else {})


def _about(context: Context, record: RunRecord, config: StudentConfig) -> dict[str, Any]:
    """Returns `sdc.json`: what `sdc predict --model` must know beside the weights; no path of this machine."""
    ((content,),) = context.store.query("select content from artifacts where key = ?", [record.artifact.key])
    settings = {name: value for name, value in asdict(config).items() if name != "model"}
    model = None
    if "model" in record.artifact.config:
        model = {"name": record.model, "identity": record.artifact.config["model"]}
    return {
        "format": exported.FORMAT,
        "sdc": __version__,
        "run": record.artifact.key,
        "content": content,
        "method": record.method,
        "lang": record.cell.lang,
        "task": asdict(record.cell.task),
        "settings": settings,
        "base": model,
    }


def _json(value: Mapping[str, Any] | list[Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
