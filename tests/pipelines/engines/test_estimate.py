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


def remember(store: Store, model: Model, *, shots: int | None = None, prompt_tokens: int | None = None) -> None:
    """Puts an artifact of icl into the ledger: 10 calls, 30 completion tokens, 20 seconds."""
    usage = {"model": model.name, "calls": 10, "completion_tokens": 30, "seconds": 20.0, "prompt_tokens": prompt_tokens}
    config = {} if shots is None else {"shots": shots}
    planned = stage.plan(stage="icl", version=1, config=config, inputs=[], lang="en", task="topic")
    store.put(replace(planned, summary={"usage": usage}), {})


def test_tokens_are_those_of_the_models_tokenizer(store: Store, model: Model) -> None:
    found = estimate(store, model, CALLS, stage="icl", prices=Prices())
    tokenizer = load_tokenizer(model)
    assert found.prompt_tokens == sum(len(prompt_ids(tokenizer, call.prompt)) for call in CALLS)
    assert (found.calls, found.cached) == (5, 0)


def test_what_nobody_knows_is_null_and_answers_are_at_their_longest(store: Store, model: Model) -> None:
    prices = Prices(currency="EUR", models={"tiny": {"output": 2.0, "hour": 36.0}})
    found = estimate(store, model, CALLS, stage="icl", prices=prices)  # how long takes what is paid by the hour?
    assert (found.completion_tokens, found.seconds, found.cost, found.currency) == (5 * 20, None, None, None)
    assert json.loads(json.dumps(found.as_json()))["cost"] is None
    by_token = estimate(store, model, CALLS, stage="icl", prices=Prices(currency="EUR", models={"tiny": {"output": 2}}))
    assert by_token.cost == pytest.approx(100 * 2 / 1e6)


def test_without_a_tokenizer_prompts_are_as_in_earlier_calls_with_these_settings(store: Store) -> None:
    remember(store, ELSEWHERE, shots=None, prompt_tokens=70)
    remember(store, ELSEWHERE, shots=5, prompt_tokens=900)
    for shots, tokens in ((None, 5 * 7), (5, 5 * 90)):
        found = estimate(store, ELSEWHERE, CALLS, stage="icl", prices=Prices(), like={"shots": shots})
        assert (found.prompt_tokens, found.tokens_from) == (tokens, "ledger")


def test_else_prompts_go_by_their_characters_and_that_is_said(store: Store) -> None:
    remember(store, ELSEWHERE, shots=5, prompt_tokens=900)
    found = estimate(store, ELSEWHERE, CALLS, stage="icl", prices=Prices(), like={"shots": None})
    assert (found.prompt_tokens, found.tokens_from) == (5 * 5, "characters")  # 15 bytes


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
    assert alone.a_call is None


def test_calls_that_are_all_cached_tell_what_one_more_takes(store: Store, model: Model) -> None:
    remember(store, model)
    prices = Context(store=store).budget.prices
    new = estimate(store, model, CALLS, stage="icl", prices=prices)
    with replies(store.replies_folder) as cache:
        cache.put_many({call.key(model.identity()): {"text": "x", "finish": "stop"} for call in CALLS})
    found = estimate(store, model, CALLS, stage="icl", prices=prices)
    assert (found.cached, found.prompt_tokens, found.completion_tokens, found.tokens_from) == (5, 0, 0, "tokenizer")
    tokens = (new.prompt_tokens + new.completion_tokens) / 5
    assert found.a_call == {"tokens": tokens, "seconds": 2.0, "cost": None}
    assert found.as_json()["a_call"] == found.a_call
