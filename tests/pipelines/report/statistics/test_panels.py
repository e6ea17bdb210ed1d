"""Panels put together: the largest of several is moved back by what resampling adds to it."""

import numpy as np
import pytest

from sdc.pipelines.report.statistics.panels import combined
from sdc.pipelines.report.statistics.resampling import Replicates


def _panel(estimate: float, seed: int) -> Replicates:
    noise_B = np.random.default_rng(seed).normal(size=2000)
    return Replicates(estimate=estimate, values_B=estimate + noise_B, covers="rows")


@pytest.mark.parametrize(("over", "estimate"), [("max", 5.0), ("min", 5.0), ("mean", 5.0)])
def test_five_equal_panels_have_their_number(over: str, estimate: float) -> None:
    found = combined([_panel(5.0, seed) for seed in range(5)], over)
    assert found.estimate == estimate
    assert float(np.median(found.values_B)) == pytest.approx(estimate, abs=0.05)  # of the raw maximum it is 6.1


def test_what_is_never_reached_stays_so() -> None:
    never = Replicates(estimate=np.inf, values_B=np.array([20.0, np.inf]), covers="rows")
    soon = Replicates(estimate=10.0, values_B=np.array([10.0, 30.0]), covers="runs")
    largest, smallest = combined([never, soon], "max"), combined([never, soon], "min")
    assert (largest.estimate, largest.values_B.tolist()) == (np.inf, [20.0, np.inf])
    assert smallest.estimate == 10
    assert largest.covers == "rows, or runs"
