"""How synthetic texts are written: the settings, and what is no setting at all."""

import math
from dataclasses import dataclass, field

from sdc.errors import UsageError, one_of
from sdc.pipelines import prompts
from sdc.pipelines.engines import models
from sdc.pipelines.gen.incentives import CHOICES, NONE

#: Of writing and judging in turns: half of all texts may be rejected in each, and the tenth still fills a quota of 500.
MOST_ROUNDS = 10


@dataclass(frozen=True, kw_only=True)
class GenConfig:
    """How synthetic texts are written.

    Args:
        quota: New texts per label, at least 1; None takes the task's.
        num_texts: Texts asked for in one call, at least 1.
        num_seeds: Human examples per label that the generator is shown, at least 0.
        temperature: 0 is greedy; the paper samples at 0.7.
        top_p: Nucleus, in (0, 1].
        repetition_penalty: 1 is none.
        max_tokens: The most tokens of one reply.
        label_style: How the prompt names the label: `name`, `explanation` (the paper) or `both`.
        near_duplicate: Character 5-gram Jaccard at which a text counts as a copy; above 1 only equal texts do.
        gates: Whether only texts that pass the gates count for the quota.
        incentive: What is done for diversity: `none`, `taboo`, `hints`, `chain`, or `auto`, which begins without any
            and takes the next one when novelty falls.
        seed: Root of the choice of seed examples and of sampling.
    """

    quota: int | None = None
    num_texts: int = 10
    num_seeds: int = 10
    temperature: float = 0.7
    top_p: float = 0.9
    repetition_penalty: float = 1.2
    max_tokens: int = 4096
    label_style: str = "both"
    near_duplicate: float = 0.8
    gates: bool = False
    incentive: str = NONE
    seed: int = 1337
    model: str = field(default=models.TEACHER, metadata={"key": False})  # its identity is in the key instead

    def __post_init__(self) -> None:
        for name in ("quota", "num_texts", "max_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} must be at least 1, not {value}", "gen", "correct the flag")
        for name in ("temperature", "top_p", "repetition_penalty", "near_duplicate"):
            if not math.isfinite(getattr(self, name)):
                raise UsageError(f"{name} must be a finite number", "gen", "correct the flag")
        if self.near_duplicate <= 0:
            raise UsageError(f"near_duplicate must be above 0, not {self.near_duplicate}", "gen", "correct the flag")
        if self.num_seeds < 0 or self.temperature < 0 or not 0 < self.top_p <= 1 or self.repetition_penalty <= 0:
            raise UsageError("num_seeds, temperature, top_p or repetition_penalty is out of range", "gen", "see --help")
        if self.label_style not in prompts.LABEL_STYLES:
            fix = one_of(self.label_style, prompts.LABEL_STYLES)
            raise UsageError(f"unknown label style {self.label_style!r}", "gen", fix)
        if self.incentive not in CHOICES:
            raise UsageError(f"unknown incentive {self.incentive!r}", "--incentive", one_of(self.incentive, CHOICES))
