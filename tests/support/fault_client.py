"""How tests ask the fault server: an engine with short waits, and a model that only the server knows."""

from collections.abc import Sequence
from typing import Any

from fault_server import FaultServer

from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.openai import OpenaiEngine
from sdc.pipelines.engines.openai.tries import Backoff
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.engines.protocol import Call, Reply

TINY = Model(name="tiny", source="api:tiny", served=True)
WAITS = Backoff(first_s=0.01, most_s=0.3)


def engine_at(server: FaultServer | str, model: Model = TINY, **options: Any) -> OpenaiEngine:
    """An engine that asks `server`; a request may take 30 seconds unless `options` say otherwise."""
    url = server if isinstance(server, str) else server.url
    settings = EngineOptions(**{"server": url, "timeout_s": 30.0, "concurrency": 4, "retries": 4, **options})
    return OpenaiEngine(model, options=settings, backoff=WAITS, poll_s=0.02)


def ask(engine: OpenaiEngine, calls: Sequence[Call]) -> list[Reply]:
    """The replies in order; every position must come exactly once."""
    found: dict[int, Reply] = {}
    for group in engine.answer(calls):
        assert not set(group) & set(found), "a position came twice"
        found.update(group)
    assert sorted(found) == list(range(len(calls)))
    return [found[position] for position in range(len(calls))]


def prompts(num: int) -> list[Call]:
    """So many calls with prompts of their own."""
    return [Call(prompt=f"prompt {number}", seed=number) for number in range(num)]
