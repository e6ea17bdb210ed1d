"""The energy meter: measured by the GPUs' own counters, else unknown."""

from types import SimpleNamespace
from typing import Any

import pytest

from sdc.pipelines.engines import energy


def fake(counters: list[list[int]], error: type[Exception] = RuntimeError) -> Any:
    """Returns an NVML whose devices give one value after another, in millijoules."""
    return SimpleNamespace(
        NVMLError=error,
        nvmlDeviceGetCount=lambda: len(counters),
        nvmlDeviceGetHandleByIndex=lambda i: i,
        nvmlDeviceGetTotalEnergyConsumption=lambda i: counters[i].pop(0),
    )


def test_the_counters_of_all_gpus_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = fake([[1000, 3_600_001_000], [5, 1_800_000_005]])
    monkeypatch.setattr(energy, "_nvml", lambda: nvml)
    assert energy.Meter().kwh() == pytest.approx(1.5)


def test_without_a_gpu_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    for nvml in (None, fake([])):
        monkeypatch.setattr(energy, "_nvml", lambda nvml=nvml: nvml)
        assert energy.Meter().kwh() is None


def test_a_gpu_that_does_not_count_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = fake([[]], error=IndexError)  # what pop of an empty list raises
    monkeypatch.setattr(energy, "_nvml", lambda: nvml)
    assert energy.Meter().kwh() is None
