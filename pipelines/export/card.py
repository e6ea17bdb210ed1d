"""The model card of an exported classifier: README.md with the front matter that the Hugging Face hub reads.

Here: facts in words, escaped. Not here: where they come from (`facts.py`), the licences of others (`licences.py`).
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sdc import __version__
from sdc.cache.store import Artifact
from sdc.errors import UsageError
from sdc.pipelines.export import command, licences
from sdc.pipelines.export.facts import Facts
from sdc.pipelines.metrics.interval import Estimate
from sdc.pipelines.report.formats import escape_markdown as md
from sdc.pipelines.stage import Context
from sdc.pipelines.students import StudentConfig, calibrated
from sdc.pipelines.text.folding import one_line

UNKNOWN = "unknown"
#: Form of the hub's licence names; any other text is licence `other` with this name.
_HUB_LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]{1,40}")
_MOST = 200
_HEADLINES = {"accuracy": "accuracy", "macro_f1": "f1"}


def check_licence(licence: str | None) -> None:
    """Raises a UsageError if this cannot stand as a licence on a card."""
    if licence is not None and (not licence.strip() or len(licence) > _MOST or "\n" in licence):
        raise UsageError(f"{licence[:80]!r} is no licence", "--license", "give its name, as cc-by-4.0")


def render(
    context: Context,
    facts: Facts,
    config: StudentConfig,
    *,
    name: str,
    licence: str | None,
    measured: Sequence[Any] = (),
) -> str:
    """Returns the card as Markdown with YAML front matter.

    Args:
        context: The store: it knows the models, and so their licences.
        facts: What is known of the run.
        config: The run's settings.
        name: Of the folder.
        licence: Of the classifier, or None.
        measured: The ONNX forms.
    """
    record = facts.record
    text: str = _template().render(
        front=_front_matter(facts, config, name, licence),
        facts=facts,
        record=record,
        cell=record.cell,
        version=__version__,
        licence=licence or UNKNOWN,
        sources=_sources(context, facts),
        lineage=[_ancestor(artifact) for artifact in facts.lineage],
        metrics={key: _metric(facts, key) for key in ("accuracy", "macro_f1", "majority_rate", "unparsed_rate")},
        makers=_makers(facts),
        totals={field: facts.total(field) for field in (
            "calls", "prompt_tokens", "completion_tokens", "seconds", "energy_kwh", "cost")},
        usage=config.usage(md(record.model)),
        command=command.train(facts, config),
        settings=json.dumps(_settings(record.artifact.config), ensure_ascii=False),
        measured=measured,
        bias=_bias(facts),
    )  # fmt: skip
    return text


def _front_matter(facts: Facts, config: StudentConfig, name: str, licence: str | None) -> str:
    from huggingface_hub import EvalResult, ModelCardData  # 0.3 s: only where a card is written

    record = facts.record
    known = licence is None or _HUB_LICENCE.fullmatch(licence)
    identity = record.artifact.config.get("model") or {}
    base = str(identity.get("model", ""))
    results = [
        EvalResult(
            task_type="text-classification",
            task_name=record.cell.task.name,
            dataset_type=record.test_key[:12],
            dataset_name=f"{record.cell} test rows {record.test_key[:12]}",
            dataset_split="test",
            metric_type=hub_name,
            metric_name=key,
            metric_value=round(facts.metrics[key].value, 4),
        )
        for key, hub_name in _HEADLINES.items()
        if key in facts.metrics
    ]
    synthetic = ["synthetic"] if facts.rows.get("synthetic") else []
    data = ModelCardData(
        language=[record.cell.lang.partition("-")[0]],
        license=(licence or UNKNOWN) if known else "other",
        license_name=None if known else licence,
        pipeline_tag="text-classification",
        library_name=config.library,
        tags=["sdc", record.method, record.cell.task.name, *synthetic],
        base_model=base if base and not base.startswith("api:") else None,
        metrics=["accuracy", "f1"],
        eval_results=results or None,
        model_name=name if results else None,
    )
    return data.to_yaml()


def _bias(facts: Facts) -> str | None:
    """Returns the bias on the scores in words; None if the run has none."""
    details = facts.record.details
    if "bias" not in details:
        return None
    return calibrated.words(details["bias"], facts.record.cell.task.label_names, seeds=details["calibrated_on"])


def _ancestor(artifact: Artifact) -> dict[str, str]:
    summary = artifact.summary
    known = [summary.get(name) for name in ("rows", "num_rows") if summary.get(name) is not None][:1]
    known += [summary[name] for name in ("source", "split", "file", "model") if summary.get(name)]
    return {"stage": artifact.stage, "key": artifact.short, "about": ", ".join(map(str, known)) or "-"}


def _metric(facts: Facts, name: str) -> str:
    """Returns a metric in % with its 95 % interval, or `unknown`."""
    estimate: Estimate | None = facts.metrics.get(name)
    if estimate is None:
        return UNKNOWN
    text = f"{100 * estimate.value:.1f} %"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} ({100 * estimate.low:.1f}..{100 * estimate.high:.1f})"


def _makers(facts: Facts) -> list[dict[str, str]]:
    """Returns who wrote and judged the synthetic rows, with how they were asked."""
    made = []
    for artifact in (*facts.of_stage("gen"), *facts.of_stage("judge")):
        usage = artifact.summary.get("usage") or {}
        model = artifact.summary.get("model") or usage.get("model") or UNKNOWN
        if artifact.stage == "gen" and artifact.config.get("origin") == "import":
            model = f"imported from {artifact.summary.get('file') or UNKNOWN}"
        digests = artifact.config.get("prompts") or [
            artifact.config[key] for key in ("prompt", "label_prompt") if key in artifact.config
        ]
        made.append({
            "what": {"gen": "generator", "judge": "judge"}[artifact.stage],
            "key": artifact.short,
            "model": str(model),
            "prompts": ", ".join(str(digest)[:12] for digest in digests) or "none",
            "settings": json.dumps(_settings(artifact.config), ensure_ascii=False),
        })  # fmt: skip
    return made


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a recipe: what is neither content nor prompt nor model."""
    left_out = ("model", "definition", "prompt", "prompts", "label_prompt", "draw", "digest")
    return {key: value for key, value in config.items() if key not in left_out}


def _sources(context: Context, facts: Facts) -> list[dict[str, str]]:
    """Returns what the classifier was made from, each with its licence or `unknown`."""
    found: dict[tuple[str, str], str] = {}
    record = facts.record
    identity = record.artifact.config.get("model")
    if identity:
        found["base model", record.model] = licences.of_model(context.store, identity, record.model)
    for stage, what in (("gen", "generator"), ("judge", "judge")):
        for artifact in facts.of_stage(stage):
            model = str(artifact.summary.get("model") or (artifact.summary.get("usage") or {}).get("model") or "")
            if artifact.config.get("model") and model:
                found[what, model] = licences.of_model(context.store, artifact.config["model"], model)
    for artifact in facts.of_stage("data"):
        split = artifact.summary.get("split")
        found[f"human {split} rows", str(artifact.summary.get("file") or artifact.short)] = UNKNOWN
    return [{"what": what, "name": name, "licence": licence} for (what, name), licence in found.items()]


def _number(value: Any, form: str = ",") -> str:
    return UNKNOWN if value is None else format(value, form)


def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    # Markdown, not HTML: every text from outside goes through `md`, and code through `code`.
    environment = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701
    environment.trim_blocks = environment.lstrip_blocks = environment.keep_trailing_newline = True
    environment.filters |= {"md": lambda text: md(str(text)), "code": _code, "number": _number}
    return environment.from_string((Path(__file__).parent / "card.jinja").read_text("utf-8"))


def _code(text: object) -> str:
    """Returns a text as inline code, between as many backticks as it needs.

    >>> _code("a b"), _code("`")
    ('`a b`', '`` ` ``')
    """
    line = one_line(str(text))
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    return f"`{line}`" if longest == 0 else f"{'`' * (longest + 1)} {line} {'`' * (longest + 1)}"
