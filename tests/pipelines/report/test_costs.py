"""`report costs`: sums over what was measured, null where nothing was, and nothing guessed."""

from pathlib import Path
from typing import Any

import pytest
from report_store import Shelf, put, put_run, put_test

from sdc.cache.store import Store
from sdc.pipelines.report import costs


def _usage(**more: Any) -> dict[str, Any]:
    about = {
        "model": "llama-3-70b",
        "engine": "vllm",
        "calls": 10,
        "cached": 2,
        "prompt_tokens": 100,
        "completion_tokens": 5,
    }
    return {"usage": {**about, "seconds": 1800.0, **more}}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two generations, of which one has energy and a price, a fine-tuning and a run of the generator without times."""
    shelf = Shelf(Store(tmp_path / "s.duckdb"))
    put(shelf, "gen", "one", "te", "topic", _usage(energy_kwh=0.5, cost=3.0, currency="EUR"))
    put(shelf, "gen", "two", "sw", "topic", _usage())
    test = put_test(shelf, "te", "topic")
    put_run(shelf, test, "te", "topic", method="finetune", model="xlm-r-large", right=0.5)
    put_run(shelf, test, "te", "topic", method="icl", model="llama-3-70b", right=0.5, shots=0, reply="{name}")
    shelf.flush()
    return shelf.store


def test_sums_are_over_what_was_measured_and_say_so(store: Store) -> None:
    gen, finetune, prompting, total = costs.run(store, kg_per_kwh=0.4, price_per_hour=2.0)
    assert (gen["stage"], gen["artifacts"], gen["calls"], gen["cached_calls"]) == ("gen", 2, 20, 4)
    assert (gen["prompt_tokens"], gen["completion_tokens"]) == (200, 10)
    assert (gen["hours"], gen["timed"], gen["hours_each"], gen["machine_cost"]) == (1.0, 2, 0.5, 2.0)
    assert (gen["gpu_hours"], gen["energy_kwh"], gen["metered"], gen["kg_co2e"]) == (0.5, 0.5, 1, 0.2)
    assert (gen["cost"], gen["currency"]) == (3.0, "EUR")
    assert (finetune["hours"], finetune["energy_kwh"], finetune["kg_co2e"], finetune["machine_cost"]) == (None,) * 4
    assert [r["paper_hours_each"] for r in (gen, finetune, prompting)] == [None, "0.167", "15"]
    assert (total["calls"], total["hours"], total["energy_kwh"], total["kg_co2e"]) == (20, 1.0, 0.5, 0.2)
    assert (total["paper_kg_co2e"], total["cost"]) == (108, 3.0)


def test_without_a_grid_and_a_price_there_is_neither_carbon_nor_money(store: Store) -> None:
    records = costs.run(store)
    assert {record["kg_co2e"] for record in records} == {None}
    assert {record["machine_cost"] for record in records} == {None}


def test_of_some_cells_only(store: Store) -> None:
    gen, total = costs.run(store, cells=[("sw", "topic")])
    assert (gen["artifacts"], gen["cost"], total["artifacts"]) == (1, None, 1)


def test_nothing_costs_nothing(tmp_path: Path) -> None:
    assert costs.run(Store(tmp_path / "empty.duckdb")) == []


def test_money_of_two_currencies_has_no_sum(tmp_path: Path) -> None:
    shelf = Shelf(Store(tmp_path / "s.duckdb"))
    for currency in ("EUR", "USD"):
        put(shelf, "gen", currency, "te", "topic", _usage(cost=1.0, currency=currency))
    put(shelf, "judge", "judge", "te", "topic", _usage(cost=2.0, currency="EUR"))
    put(shelf, "tune", "tune", "te", "topic", _usage(cost=2.0, currency="USD"))
    shelf.flush()
    gen, judge, tune, total = costs.run(shelf.store)
    assert (gen["cost"], gen["currency"]) == (None, None)
    assert (judge["cost"], tune["cost"], total["cost"], total["currency"]) == (2.0, 2.0, None, None)
