"""Titles of figures: a finding with its number where the claim holds, nothing where it does not or cannot be told."""

from dataclasses import replace

import pytest

from sdc.pipelines.report.claims import claim, findings
from sdc.pipelines.report.claims.check import CANNOT_TELL, DOES_NOT, HOLDS, NOT_RUN, CheckedClaim
from sdc.pipelines.report.statistics.resampling import Interval

C3 = CheckedClaim(
    claim=next(one for one in claim.load() if one.id == "C3"),
    verdict=HOLDS,
    interval=Interval(estimate=9.6, low=8.4, high=11.2, covers="runs and test rows"),
)


def test_a_claim_that_holds_is_a_title_with_the_measured_number() -> None:
    wanted = "Fine-tuning, ICL and LoRA are 10 (8 to 11) points above the generator on all synthetic rows, on average"
    assert findings.titles([C3]) == {"figure-2": wanted}


@pytest.mark.parametrize("verdict", [DOES_NOT, CANNOT_TELL, NOT_RUN])
def test_any_other_is_none(verdict: str) -> None:
    assert findings.titles([replace(C3, verdict=verdict)]) == {}


def test_the_claims_of_titles_are_there() -> None:
    known = {one.id: one for one in claim.load()}
    checked = [replace(C3, claim=one) for one in known.values()]
    assert len(findings.titles(checked)) == 6
