"""report costs: the ledger of tokens, calls, time, energy, carbon and money, beside the paper's hours.

Here: records by stage, method and model, and their sum. Not here: what is written down when (stages), the query
(`records/ledger.py`).

Nothing is guessed: a sum is over what was measured, and says over how many of the artifacts that is.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sdc.cache.store import Store
from sdc.pipelines.records import ledger
from sdc.pipelines.records.ledger import Spent

TITLE = (
    "what artifacts took; hours: wall clock, gpu_hours: of those whose GPUs were watched; timed, metered: how many have"
    " it; paper: hours of a full run (Table 2), all experiments (impact)"
)
_SUMMED = ("artifacts", "calls", "cached_calls", "prompt_tokens", "completion_tokens", "hours", "timed", "gpu_hours",
           "energy_kwh", "metered", "kg_co2e", "cost", "machine_cost")  # fmt: skip
#: The paper's Table 2, hours of a full run, and its section on impact.
PAPER_HOURS = {"finetune": "0.167", "lora": "10", "icl": "3-4", "prompting": "1-2", "generator": "15"}
PAPER_KG = 108.0


def run(
    store: Store,
    *,
    cells: Sequence[tuple[str, str]] | None = None,
    kg_per_kwh: float | None = None,
    price_per_hour: float | None = None,
) -> list[dict[str, Any]]:
    """Returns one record per stage, method and model, then one of all; None is unknown.

    Args:
        store: Where the ledger is.
        cells: (lang, task) pairs; None for all.
        kg_per_kwh: Of the electricity; None gives no carbon.
        price_per_hour: Of the machine; None gives no money for its hours.
    """
    spent = ledger.spent(store, cells=cells)
    generators = {one.model for one in spent if one.stage == "gen"}
    records = [_record(one, kg_per_kwh, price_per_hour, hours=PAPER_HOURS.get(_kind(one, generators))) for one in spent]
    if records:
        records.append(_sum(records))
    return records


def _kind(one: Spent, generators: Collection[str | None]) -> str:
    """Returns what Table 2 calls it."""
    return "generator" if one.method == "prompting" and one.model in generators else one.method or ""


def _record(one: Spent, kg_per_kwh: float | None, price_per_hour: float | None, *, hours: str | None) -> dict[str, Any]:
    known = one.hours is not None and one.timed == one.artifacts
    return {
        "stage": one.stage,
        "method": one.method,
        "model": one.model,
        "artifacts": one.artifacts,
        "calls": one.calls,
        "cached_calls": one.cached_calls,
        "prompt_tokens": one.prompt_tokens,
        "completion_tokens": one.completion_tokens,
        "hours": one.hours,
        "timed": one.timed,
        "hours_each": one.hours / one.timed if one.hours is not None and one.timed else None,
        "paper_hours_each": hours,
        "gpu_hours": one.gpu_hours,
        "energy_kwh": one.energy_kwh,
        "metered": one.metered,
        "kg_co2e": None if one.energy_kwh is None or kg_per_kwh is None else one.energy_kwh * kg_per_kwh,
        "paper_kg_co2e": None,
        "cost": one.cost,
        "currency": one.currency,
        "machine_cost": one.hours * price_per_hour if known and one.hours is not None and price_per_hour else None,
    }


def _sum(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns the sums of what was measured; money of several currencies has none."""
    total: dict[str, Any] = dict.fromkeys(records[0]) | {"stage": "all", "paper_kg_co2e": PAPER_KG}
    for name in _SUMMED:
        known = [record[name] for record in records if record[name] is not None]
        total[name] = sum(known) if known else None
    currencies = {record["currency"] for record in records if record["currency"]}
    total["currency"] = currencies.pop() if len(currencies) == 1 else None
    if total["currency"] is None:
        total["cost"] = None
    return total
