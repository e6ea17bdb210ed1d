"""Every check of the paper's claims on simulated grids: what was built to hold holds, what was broken does not.

Two grids are broken, each in claims that can be broken beside each other: whatever speaks of none of them holds there.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from paper_claims import CLAIMS, SMALL_LLMS, XLM_R
from paper_store import PaperGrid, fill

from sdc.pipelines import report
from sdc.pipelines.report import ReportConfig
from sdc.pipelines.report.claims import claim
from sdc.pipelines.report.claims.check import DOES_NOT, HOLDS, check

#: All cells, as many runs as the checks need, and the sizes that they name.
GRID = PaperGrid(repeats=6, repeats_of_llms=3, sizes=(10, 20, 50, 100, 150, 400), models=(XLM_R, *SMALL_LLMS))
#: Claim -> its checks that do not hold where it is broken. C1 and C2 speak of the same curves: C1 is broken in low- and
#: medium-resource languages, C2 in high-resource ones, and the slowest of all groups is slow with both.
BROKEN = {
    "C1": ("C1.low-medium", "C2.all-groups"),
    "C2": ("C1.high", "C2.all-groups", "C2.strict"),
    "C3": ("C3",),
    "C4": ("C4.finetune", "C4.icl", "C4.lora"),
    "C5": ("C5.finetune", "C5.icl", "C5.lora"),
    "C6": ("C6",),
    "C7": ("C7.generator", "C7.prompting"),
    "C8": ("C8.rows", "C8.low", "C8.high"),
    "C9": ("C9.low-medium", "C9.high"),
    "C10": ("C10.low-medium", "C10.high"),
    "C11": ("C11.finetune", "C11.human", "C11.icl", "C11.llama"),
    "C12": ("C12.icl", "C12.lora"),
    "C13": ("C13.icl", "C13.lora"),
    "C14": ("C14.generator", "C14.finetune", "C14.prompting", "C14.icl", "C14.lora"),
    "C15": ("C15",),
}
HALVES = (("C1", "C4", "C5", "C6", "C7", "C9", "C11", "C12", "C14"), ("C2", "C3", "C8", "C10", "C13", "C15"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken",
    [
        pytest.param((), id="none", marks=pytest.mark.campaign),  # each holds where the other half is broken
        *(pytest.param(half, id=name) for half, name in zip(HALVES, ("one half", "the other half"), strict=True)),
    ],
)
def test_what_was_built_to_hold_holds_and_what_was_broken_does_not(tmp_path: Path, broken: tuple[str, ...]) -> None:
    context = fill(tmp_path / "s.duckdb", replace(GRID, broken=broken))
    checked = check(context.store, report.find(context, ReportConfig()), claim.load())
    wrong = {name for which in broken for name in BROKEN[which]}
    says = {one.claim.id: one.verdict for one in checked}
    assert says == {name: DOES_NOT if name in wrong else HOLDS for name in says}


def test_every_check_is_broken_by_a_claim() -> None:
    assert tuple(BROKEN) == CLAIMS
    assert sorted(name for half in HALVES for name in half) == sorted(CLAIMS)
    assert {name for names in BROKEN.values() for name in names} == {one.id for one in claim.load()}
