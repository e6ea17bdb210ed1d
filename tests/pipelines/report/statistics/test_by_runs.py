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
