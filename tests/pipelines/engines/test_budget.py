"""Limits on what is newly asked: exact for calls, kept replies, and prices that are known or unknown."""

from pathlib import Path

import pytest

from scripted import ScriptedEngine, never
from sdc.cache.replies import replies
from sdc.errors import BudgetError, UsageError
from sdc.pipelines.engines.ask import Asker
from sdc.pipelines.engines.budget import Budget, Prices, load_prices
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.protocol import Call, Reply

MODEL = Model(name="tiny", source="x", digest="d")
CALLS = [Call(prompt=f"prompt {i}", seed=i) for i in range(10)]
PRICES = Prices(currency="EUR", models={"tiny": {"input": 1.0, "cached_input": 0.5, "output": 10.0, "hour": 3.6}})


def echo(call: Call) -> Reply:
    return Reply(text=call.prompt, prompt_tokens=100, completion_tokens=50, seconds=1.0)


def asker(folder: Path, engine: ScriptedEngine, budget: Budget, *, batch_size: int = 4) -> Asker:
    with replies(folder) as cache:
        return Asker(MODEL, cache, lambda: engine, batch_size=batch_size, budget=budget)


@pytest.mark.parametrize("limit", range(11))
def test_max_calls_is_exact_and_the_next_run_goes_on_from_there(tmp_path: Path, limit: int) -> None:
    first, second = ScriptedEngine(echo), ScriptedEngine(echo)
    if limit < 10:
        with pytest.raises(BudgetError, match="goes on from there"):
            asker(tmp_path, first, Budget(max_calls=limit)).ask(CALLS)
    else:
        asker(tmp_path, first, Budget(max_calls=limit)).ask(CALLS)
    assert len(first.calls) == limit
    found = asker(tmp_path, second, Budget(max_calls=10 - limit)).ask(CALLS)
    assert len(second.calls) == 10 - limit
    assert [reply.text for reply in found] == [call.prompt for call in CALLS]
    assert asker(tmp_path, ScriptedEngine(never), Budget(max_calls=0)).ask(CALLS) == found


def test_a_budget_is_shared_by_the_stages_of_a_command(tmp_path: Path) -> None:
    budget = Budget(max_calls=5)
    asker(tmp_path, ScriptedEngine(echo), budget).ask(CALLS[:4])
    with pytest.raises(BudgetError, match=r"5 of 5 calls"):
        asker(tmp_path, ScriptedEngine(echo), budget).ask(CALLS)


def test_max_tokens_begins_nothing_more_once_it_is_reached(tmp_path: Path) -> None:
    engine = ScriptedEngine(echo)
    with pytest.raises(BudgetError, match=r"--max-tokens: the budget is spent \(600 of 450 tokens\)"):
        asker(tmp_path, engine, Budget(max_tokens=450), batch_size=2).ask(CALLS)
    assert len(engine.calls) == 4


def test_max_cost_counts_by_the_price_table(tmp_path: Path) -> None:
    engine = ScriptedEngine(echo)
    each = 100 / 1e6 + 50 * 10 / 1e6 + 3.6 / 3600  # EUR
    with pytest.raises(BudgetError, match="EUR"):
        asker(tmp_path, engine, Budget(max_cost=2.9 * each, prices=PRICES), batch_size=1).ask(CALLS)
    assert len(engine.calls) == 3


def test_large_batches_are_cut_while_tokens_are_limited(tmp_path: Path) -> None:
    many = [Call(prompt=f"prompt {i}") for i in range(100)]
    engine = ScriptedEngine(echo)
    with pytest.raises(BudgetError):
        asker(tmp_path, engine, Budget(max_tokens=1), batch_size=2048).ask(many)
    assert len(engine.calls) < 20


def test_a_limit_on_money_needs_a_price(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the price of tiny is unknown"):
        asker(tmp_path, ScriptedEngine(never), Budget(max_cost=1.0)).ask(CALLS)


def test_an_unknown_price_is_no_price(tmp_path: Path) -> None:
    made = asker(tmp_path, ScriptedEngine(echo), Budget())
    made.ask(CALLS)
    assert (made.usage.cost, made.usage.currency, made.usage.energy_kwh) == (None, None, None)


def test_the_cost_of_an_artifact_is_that_of_its_new_calls(tmp_path: Path) -> None:
    made = asker(tmp_path, ScriptedEngine(echo), Budget(prices=PRICES))
    made.ask(CALLS[:3])
    made.ask(CALLS[:3])
    assert made.usage.cost == pytest.approx(3 * (100 / 1e6 + 500 / 1e6 + 0.001))
    assert made.usage.currency == "EUR"


def test_cached_prompt_tokens_have_their_own_price() -> None:
    cost = PRICES.cost(MODEL, prompt_tokens=100, cached_tokens=40, completion_tokens=0, seconds=0)
    assert cost == pytest.approx((60 * 1.0 + 40 * 0.5) / 1e6)


def test_refused_and_failed_replies_are_counted_and_asked_again(tmp_path: Path) -> None:
    def moody(call: Call) -> Reply:
        kinds = {0: Reply(finish="refused", reason="filtered"), 1: Reply(finish="failed", reason="HTTP 500")}
        return kinds.get(call.seed, echo(call))

    first = asker(tmp_path, ScriptedEngine(moody), Budget())
    found = first.ask(CALLS)
    assert [reply.finish for reply in found[:3]] == ["refused", "failed", "stop"]
    assert (first.usage.calls, first.usage.refused, first.usage.failed) == (10, 1, 1)
    again = ScriptedEngine(echo)
    assert all(reply.is_answer for reply in asker(tmp_path, again, Budget()).ask(CALLS))
    assert sorted(call.seed for call in again.calls) == [0, 1]


# -- the price table ----------------------------------------------------------------------------------------------


def test_a_price_table_is_read(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text('currency = "USD"\n["gpt-x"]\ninput = 0.25\noutput = 2\n[llama-3-70b]\nhour = 3.5\n', "utf-8")
    prices = load_prices(file)
    assert (prices.currency, prices.models["gpt-x"]["output"]) == ("USD", 2)
    assert prices.cost(MODEL, prompt_tokens=1, completion_tokens=1, seconds=1) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("currency = ", "cannot read the price table"),
        ("[tiny]\ninput = 1\n", "names no currency"),
        ("currency = 3\n[tiny]\ninput = 1\n", "names no currency"),
        ('currency = "EUR"\ntiny = 3\n', "no table of prices"),
        ('currency = "EUR"\n[tiny]\ninput = "1"\n', "is no price"),
        ('currency = "EUR"\n[tiny]\ninput = -1\n', "is no price"),
        ('currency = "EUR"\n[tiny]\ninput = nan\n', "is no price"),
        ('currency = "EUR"\n[tiny]\ninput = true\n', "is no price"),
        ('currency = "EUR"\n[tiny]\nimput = 1\n', "is no price"),
    ],
)
def test_a_broken_price_table_is_a_usage_error(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=says) as caught:
        load_prices(file)
    assert "\n" not in str(caught.value)
    assert "prices.toml" in str(caught.value)


def test_a_price_table_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the price table"):
        load_prices(tmp_path / "none.toml")
