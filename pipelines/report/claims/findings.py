"""What the titles of figures may state: a finding with its measured number, where a claim that was checked holds.

Here: which claim a figure shows, and its words. Not here: claims (`claims.toml`), verdicts (`check.py`).
"""

from collections.abc import Mapping, Sequence

from sdc.pipelines.report.claims.check import HOLDS, CheckedClaim

#: Figure -> the claim that it shows, and what its title says of the number.
_FINDINGS: Mapping[str, tuple[str, str]] = {
    "figure-2": ("C3", "Fine-tuning, ICL and LoRA are {} points above the generator on all synthetic rows, on average"),
    "figure-3": ("C8.low", "Students are up to {} points above the generator in intent (low-resource languages)"),
    "figure-4": ("C9.low-medium", "Human rows are up to {} points better for fine-tuning on 400 (low, medium)"),
    "figure-5": ("C11.finetune", "Sarcasm: fine-tuning on all rows is {} points of macro-F1 above the generator"),
    "figure-6": ("C12.icl", "In-context learning of Gemma is up to {} points above the generator"),
    "figure-7": ("C13.icl", "In-context learning of Qwen is up to {} points above the generator"),
}  # fmt: skip


def titles(checked: Sequence[CheckedClaim]) -> dict[str, str]:
    """Returns name of a figure -> its title, of those whose claim holds in this store."""
    by_id = {one.claim.id: one for one in checked}
    found = {}
    for figure, (name, words) in _FINDINGS.items():
        one = by_id.get(name)
        if one is not None and one.verdict == HOLDS and one.interval is not None:
            interval = one.interval
            number = f"{interval.estimate:.0f} ({interval.low:.0f} to {interval.high:.0f})"
            found[figure] = words.format(number)
    return found
