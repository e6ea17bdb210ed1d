"""How runs move a mean: draws of chi squared between the degrees of a grid are those that scipy computes."""

import numpy as np
import pytest
from scipy.special import chdtri

from sdc.pipelines.report.statistics import by_runs


@pytest.mark.parametrize("degrees", [1.0, 1.01, 2.37, 3.999, 4.0, 14.71, 188.3, 646.0])
def test_chi_squared_is_as_computed(degrees: float) -> None:
    drawn_B = by_runs.chi_squared(degrees, 20, ("te",), 1000)
    uniform_B = by_runs.stream(20, "variance", "te").random(1000)
    np.testing.assert_allclose(drawn_B, chdtri(degrees, uniform_B), rtol=2e-6)


def test_points_that_are_made_at_once_are_as_each_alone() -> None:
    """The second has runs that are equal: nothing moves it, and it moves nothing of the others."""
    rng = np.random.default_rng(0)
    of_runs_PR = np.array([[0.4, 0.5, 0.7], [0.5, 0.5, 0.5], [0.9, 0.6, 0.8]])
    resampled_PRB = of_runs_PR[:, :, None] + 0.02 * rng.standard_normal((3, 3, 500))
    of_all = by_runs.moments(of_runs_PR, resampled_PRB, (0, 2, 3))
    moved_PB = by_runs.moved({"te": of_all, "sw": of_all}, {"te": 0.5, "sw": -0.5}, 20)
    assert not moved_PB[1].any()
    for point in range(3):
        alone = by_runs.moments(of_runs_PR[point : point + 1], resampled_PRB[point : point + 1], (0, 2, 3))
        moved_1B = by_runs.moved({"te": alone, "sw": of_all.of(point)}, {"te": 0.5, "sw": -0.5}, 20)
        np.testing.assert_allclose(moved_1B[0], moved_PB[point], rtol=1e-12)
        np.testing.assert_allclose(alone.by_rows_PB[0], of_all.by_rows_PB[point], rtol=1e-12)
        noise = (resampled_PRB[point] - resampled_PRB[point].mean(axis=0)).var(axis=1).mean() * 3 / 2
        assert alone.noise_P[0] == pytest.approx(noise)
