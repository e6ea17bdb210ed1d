"""What a stage would ask: counted from calls, cache, tokenizer and ledger, and unknown where they know nothing."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sdc.cache.replies import replies
from sdc.cache.store import Store
from sdc.pipelines import stage
from sdc.pipelines.engines.budget import Prices
from sdc.pipelines.engines.estimate import estimate
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.prompt_tokens import load_tokenizer, prompt_ids
from sdc.pipelines.engines.protocol import Call
from sdc.pipelines.stage import Context

CALLS = [Call(prompt=f"prompt number {i}") for i in range(5)]
ELSEWHERE = Model(name="far", source="nobody/far")


@pytest.fixture
def model(chat_model: Path) -> Model:
    return Model(name="tiny", source=str(chat_model), digest="d")


def remember(store: Store, model: Model, *, of: str = "icl") -> None:
    """Puts an artifact into the ledger: 10 calls, 30 completion tokens, 20 seconds."""
    usage = {"model": model.name, "calls": 10, "completion_tokens": 30, "seconds": 20.0}
    planned = stage.plan(stage=of, version=1, config={"of": of}, inputs=[], lang="en", task="topic")
    store.put(replace(planned, summary={"usage": usage}), {})


def test_tokens_are_those_of_the_models_tokenizer(store: Store, model: Model) -> None:
    found = estimate(store, model, CALLS, stage="icl", prices=Prices())
    tokenizer = load_tokenizer(model)
    assert found.prompt_tokens == sum(len(prompt_ids(tokenizer, call.prompt)) for call in CALLS)
    assert (found.calls, found.cached) == (5, 0)


def test_what_nobody_knows_is_null(store: Store, model: Model) -> None:
    found = estimate(store, model, CALLS, stage="icl", prices=Prices())
    assert (found.completion_tokens, found.seconds, found.cost, found.currency) == (None, None, None, None)
    assert json.loads(json.dumps(found.as_json()))["cost"] is None
    assert estimate(store, ELSEWHERE, CALLS, stage="icl", prices=Prices()).prompt_tokens is None


def test_answers_and_time_come_from_the_ledger_of_the_stage(store: Store, model: Model) -> None:
    remember(store, model)
    context = Context(store=store)
    found = estimate(context.store, model, CALLS, stage="icl", prices=context.budget.prices)
    assert (found.completion_tokens, found.seconds) == (15, 10.0)
    assert estimate(context.store, model, CALLS, stage="judge", prices=context.budget.prices).seconds is None
    other = replace(model, name="other")
    assert estimate(context.store, other, CALLS, stage="icl", prices=context.budget.prices).seconds is None


def test_a_price_gives_a_cost(store: Store, model: Model) -> None:
    remember(store, model)
    prices = Prices(currency="EUR", models={"tiny": {"output": 2.0, "hour": 36.0}})
    found = estimate(store, model, CALLS, stage="icl", prices=prices)
    assert found.cost == pytest.approx(15 * 2 / 1e6 + 10 * 36 / 3600)
    assert found.currency == "EUR"


def test_cached_and_repeated_calls_cost_nothing(store: Store, model: Model) -> None:
    with replies(store.replies_folder) as cache:
        cache.put_many({call.key(model.identity()): {"text": "x", "finish": "stop"} for call in CALLS[:3]})
    context = Context(store=store)
    found = estimate(context.store, model, [*CALLS, *CALLS], stage="icl", prices=context.budget.prices)
    alone = estimate(context.store, model, CALLS[3:], stage="icl", prices=context.budget.prices)
    assert (found.calls, found.cached, found.prompt_tokens) == (5, 3, alone.prompt_tokens)
    nothing = estimate(context.store, model, CALLS[:3], stage="icl", prices=context.budget.prices)
    assert (nothing.cached, nothing.prompt_tokens, nothing.seconds) == (3, 0, 0.0)
