"""Engine settings from text, and which engine `auto` means."""

import pytest

from sdc.cache.store import Store
from sdc.errors import UsageError
from sdc.pipelines import engines
from sdc.pipelines.engines.budget import Budget
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.stage import Context

MODEL = Model(name="tiny", source="x", digest="d")
SERVED = Model(name="gpt-x", source="api:gpt-x", served=True)


def parse(**settings: str) -> EngineOptions:
    return EngineOptions.parse(settings, engine="auto", server=None, batch_size=None)


def test_settings_are_read_as_what_they_are() -> None:
    found = parse(concurrency="32", timeout_s="2.5", batch_api="true", quantization="gptq", max_model_len="4096")
    assert found == EngineOptions(
        concurrency=32, timeout_s=2.5, batch_api=True, quantization="gptq", max_model_len=4096
    )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"concurrencies": "3"}, "unknown setting 'concurrencies'"),
        ({"engine": "vllm"}, "unknown setting 'engine'"),
        ({"concurrency": "many"}, "concurrency cannot be 'many'"),
        ({"concurrency": "0"}, "at least 1"),
        ({"batch_api": "yes"}, "batch_api cannot be 'yes'"),
        ({"gpu_memory": "1.5"}, "not in"),
        ({"timeout_s": "inf"}, "is no time"),
        ({"max_model_len": "0"}, "at least 1"),
    ],
)
def test_a_wrong_setting_is_a_usage_error(settings: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse(**settings)


def test_a_server_is_a_url() -> None:
    with pytest.raises(UsageError, match="is no URL"):
        EngineOptions(server="localhost:8000")


@pytest.mark.parametrize(
    ("options", "model", "vllm", "gpu", "engine"),
    [
        (EngineOptions(), MODEL, False, False, "transformers"),
        (EngineOptions(), MODEL, True, False, "transformers"),
        (EngineOptions(), MODEL, True, True, "vllm"),
        (EngineOptions(engine="transformers"), MODEL, True, True, "transformers"),
        (EngineOptions(engine="vllm"), MODEL, False, False, "vllm"),
        (EngineOptions(server="http://x/v1"), MODEL, True, True, "openai"),
        (EngineOptions(server="http://x/v1", engine="transformers"), MODEL, True, True, "transformers"),
        (EngineOptions(server="http://x/v1"), SERVED, False, False, "openai"),
    ],
)
def test_what_auto_means(
    monkeypatch: pytest.MonkeyPatch, options: EngineOptions, model: Model, vllm: bool, gpu: bool, engine: str
) -> None:
    monkeypatch.setattr(engines, "_has_vllm", lambda: vllm)
    monkeypatch.setattr(engines, "_has_gpu", lambda: gpu)
    assert engines.choose(options, model) == engine


@pytest.mark.parametrize("options", [EngineOptions(), EngineOptions(engine="openai"), EngineOptions(engine="vllm")])
def test_a_model_behind_a_server_needs_one(options: EngineOptions) -> None:
    with pytest.raises(UsageError, match=r"no server to ask|behind a server"):
        engines.choose(options, SERVED)


def test_a_batch_job_cannot_stop_in_the_middle(store: Store) -> None:
    options = EngineOptions(server="http://x/v1", batch_api=True)
    context = Context(store=store, engine=options, budget=Budget(max_tokens=100))
    with pytest.raises(UsageError, match="known at its end only"), context.asker(MODEL):
        pass
