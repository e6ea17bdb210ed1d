"""Limits on what is newly asked: exact for calls, one call beyond for tokens; replies that are kept, and prices."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize("batch_size", [1, 4, 2048])
@pytest.mark.parametrize(("limit", "num_calls"), [(0, 0), (1, 1), (50, 1), (450, 3), (451, 4), (1499, 10)])
def test_max_tokens_begins_no_call_once_it_is_reached(
    tmp_path: Path, batch_size: int, limit: int, num_calls: int
) -> None:
    """Each takes 150, and at most 173 as far as anybody can know before: whatever the batch is, one goes beyond it."""
    engine = ScriptedEngine(lambda call: Reply(text=call.prompt, prompt_tokens=3, completion_tokens=147))
    calls = [replace(call, max_tokens=170) for call in CALLS]
    made = asker(tmp_path, engine, Budget(max_tokens=limit), batch_size=batch_size)
    if num_calls < 10:
        with pytest.raises(
            BudgetError, match=rf"--max-tokens: the budget is spent \({150 * num_calls} of {limit} tokens"
        ):
            made.ask(calls)
    else:
        made.ask(calls)
    assert len(engine.calls) == num_calls
    assert asker(tmp_path, ScriptedEngine(echo), Budget(max_calls=10 - num_calls)).ask(calls)  # all answers are kept


def test_calls_go_together_as_long_as_the_longest_answers_would_not_reach_the_limit(tmp_path: Path) -> None:
    engine = ScriptedEngine(lambda call: Reply(text=call.prompt, prompt_tokens=3, completion_tokens=7))
    calls = [Call(prompt=f"prompt {i}", max_tokens=97) for i in range(64)]
    sizes: list[int] = []
    answer = engine.answer

    def counted(calls: Sequence[Call]) -> Any:
        sizes.append(len(calls))
        return answer(calls)

    engine.answer = counted  # type: ignore[method-assign]
    asker(tmp_path, engine, Budget(max_tokens=1000), batch_size=64).ask(calls)
    assert (sizes[:3], sum(sizes)) == ([10, 9, 9], 64)


def test_calls_that_take_more_than_was_expected_teach_the_limit(tmp_path: Path) -> None:
    """A server whose template is long: the mean of what was answered counts where it is more."""
    engine = ScriptedEngine(lambda call: Reply(text=call.prompt, prompt_tokens=990, completion_tokens=10))
    with pytest.raises(BudgetError):
        asker(tmp_path, engine, Budget(max_tokens=4500), batch_size=2).ask([replace(c, max_tokens=1) for c in CALLS])
    assert len(engine.calls) == 5


def test_max_cost_counts_by_the_price_table(tmp_path: Path) -> None:
    engine = ScriptedEngine(echo)
    each = 100 / 1e6 + 50 * 10 / 1e6 + 3.6 / 3600  # EUR
    with pytest.raises(BudgetError, match="EUR"):
        asker(tmp_path, engine, Budget(max_cost=2.9 * each, prices=PRICES), batch_size=1).ask(CALLS)
    assert len(engine.calls) == 3


def test_an_hourly_price_is_learnt_from_the_first_call(tmp_path: Path) -> None:
    engine = ScriptedEngine(lambda call: Reply(text=call.prompt, seconds=1.0))
    hourly = Prices(currency="EUR", models={"tiny": {"hour": 3600.0}})
    with pytest.raises(BudgetError, match=r"4 of 3\.5 EUR"):
        asker(tmp_path, engine, Budget(max_cost=3.5, prices=hourly), batch_size=2048).ask(CALLS)
    assert len(engine.calls) == 4


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
