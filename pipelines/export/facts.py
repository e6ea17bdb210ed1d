"""What is known of a run for its card: lineage, rows, metrics and costs, as the store has them; None is unknown.

Here: look-ups. Not here: words (`card.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sdc.cache.store import Artifact
from sdc.pipelines.metrics.interval import Estimate
from sdc.pipelines.records import draws, examples
from sdc.pipelines.records.run_record import RunRecord
from sdc.pipelines.stage import Context

#: Stages whose work costs energy: if one of them is unknown, so is the sum.
_COSTLY = ("gen", "judge", "train")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one artifact took. None is unknown, or nothing of that kind (`calls` of a stage without an LLM)."""

    stage: str
    key: str
    model: str | None
    calls: int | None
    cached_calls: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float | None
    energy_kwh: float | None
    cost: float | None
    currency: str | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a run.

    Args:
        record: The run.
        sample: The sample that its draw is taken from; None if the store lacks it.
        draw: `size`, `repeat` and `strategy` of the draw.
        rows: Rows of the draw by source, `human` and `synthetic`.
        lineage: The artifacts that it was made from, the run first and data last.
        missing: Keys in the lineage that are not in this store.
        metrics: Of the newest evaluation; empty without one.
        reader: How that evaluation read the answers.
        num_test: Test rows.
        costs: One per artifact of the lineage that took time.
    """

    record: RunRecord
    sample: Artifact | None
    draw: Mapping[str, Any]
    rows: Mapping[str, int]
    lineage: Sequence[Artifact]
    missing: Sequence[str]
    metrics: Mapping[str, Estimate]
    reader: str | None
    num_test: int
    costs: Sequence[Cost]

    def of_stage(self, stage: str) -> list[Artifact]:
        """Returns the artifacts of a stage in the lineage."""
        return [artifact for artifact in self.lineage if artifact.stage == stage]

    def total(self, field: str) -> float | int | None:
        """Returns the sum of a field of the costs; None if a part that must have it is unknown."""
        values = [getattr(cost, field) for cost in self.costs]
        if field == "energy_kwh":
            values = [cost.energy_kwh for cost in self.costs if cost.stage in _COSTLY]
            return None if None in values or not values else sum(values)
        if field != "seconds":
            values = [getattr(cost, field) for cost in self.costs if cost.stage in ("gen", "judge")]
            return None if None in values else sum(values)
        known = [value for value in values if value is not None]
        return sum(known) if known else None


def collect(context: Context, record: RunRecord) -> Facts:
    """Returns what the store knows of a run."""
    sample, draw, rows = _draw(context, record)
    lineage, missing = _lineage(context, [record.artifact, *([sample] if sample else [])])
    reader, metrics = _metrics(context, record)
    (num_test,) = context.store.query(
        "select count(*) from outputs where key = ?", [record.artifact.key]
    )[0]  # fmt: skip
    return Facts(
        record=record,
        sample=sample,
        draw=draw,
        rows=rows,
        lineage=lineage,
        missing=missing,
        metrics=metrics,
        reader=reader,
        num_test=num_test,
        costs=_costs(context, lineage),
    )


def recipes(facts: Facts) -> list[dict[str, Any]]:
    """Returns the recipe of every artifact of the lineage; its key is the sha256 of the rest."""
    return [
        {"key": a.key, "stage": a.stage, "version": a.version, "lang": a.lang, "task": a.task,
         "config": dict(a.config), "inputs": list(a.inputs)}
        for a in facts.lineage
    ]  # fmt: skip


def _draw(context: Context, record: RunRecord) -> tuple[Artifact | None, dict[str, Any], dict[str, int]]:
    draw = record.artifact.config.get("draw")  # an icl run without shots has none
    drawn = draws.drawn_last(context.store, draw) if draw else None
    if drawn is None:
        return None, {}, {}
    about = {"size": drawn.draw.size, "repeat": drawn.draw.repeat, "strategy": drawn.strategy}
    rows = {"human": 0, "synthetic": 0}
    rows |= examples.num_by_source(context, drawn.draw.example_key, drawn.draw.members)
    rows["human"] += len(drawn.draw.human_members)
    return context.store.get(drawn.sample), about, rows


def _lineage(context: Context, start: Sequence[Artifact]) -> tuple[list[Artifact], list[str]]:
    """Returns the artifacts and all that they were made from, nearest first, and the keys that are not here."""
    found = {artifact.key: artifact for artifact in start}
    missing: list[str] = []
    waiting = [key for artifact in start for key in artifact.inputs]
    while waiting:
        wanted = [key for key in dict.fromkeys(waiting) if key not in found and key not in missing]
        fresh = context.store.get_many(wanted)
        found |= fresh
        missing += [key for key in wanted if key not in fresh]
        waiting = [key for artifact in fresh.values() for key in artifact.inputs]
    return list(found.values()), missing


def _metrics(context: Context, record: RunRecord) -> tuple[str | None, dict[str, Estimate]]:
    rows = context.store.query(
        """select m.key, m.reader, m.metric, m.value, m.low, m.high from metrics m join artifacts a using (key)
        where m.run = ? and m.key not in (select key from stale) order by a.used_at desc, m.key""",
        [record.artifact.key],
    )
    newest = [row for row in rows if row[0] == rows[0][0]]
    metrics = {name: Estimate(value=value, low=low, high=high) for _, _, name, value, low, high in newest
               if value is not None}  # fmt: skip
    return (newest[0][1] if newest else None), metrics


def _costs(context: Context, lineage: Sequence[Artifact]) -> list[Cost]:
    names = ("stage", "key", "model", "calls", "cached_calls", "prompt_tokens", "completion_tokens", "seconds",
             "energy_kwh", "cost", "currency")  # fmt: skip
    rows = context.store.query(
        f"select {', '.join(names)} from ledger where key in (select unnest(?::varchar[]))",  # noqa: S608 (constants)
        [[artifact.key for artifact in lineage]],
    )
    by_key = {row[1]: Cost(**dict(zip(names, row, strict=True))) for row in rows}
    return [by_key[artifact.key] for artifact in lineage if artifact.key in by_key and artifact.stage != "data"]
