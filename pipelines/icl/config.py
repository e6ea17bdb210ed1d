"""How test rows are put to a language model: the settings, and what is no setting at all."""

from dataclasses import dataclass, field

from sdc.errors import UsageError, one_of
from sdc.pipelines.engines import models
from sdc.pipelines.icl.shots import OPTION_ORDERS, STRATEGIES

DECODINGS = ("scores", "generate")


@dataclass(frozen=True, kw_only=True)
class IclConfig:
    """How test rows are put to an LLM.

    Args:
        shots: Examples per label in the prompt, 0 to 100; the paper's best is nearly always 2.
        shot_strategy: `balanced` (as many of every label), `random` (as many in all, whatever their labels) or
            `nearest` (for each test row those most like it).
        option_order: `task`, or `shuffled` with the seed of the shots; for scores only, since an answer `2` would mean
            another label.
        select: Numbers of shots to choose from on held-out rows of each draw, instead of `shots`; empty: no choice.
        dev_rows: The most rows that are held out for that, at least 1.
        exact: `shots` or `select` are an order: a draw that has fewer rows of a label is refused. Without, it shows as
            many as it has, and is a run with that number of shots.
        exact_dev_rows: `dev_rows` is an order: without, one row of every label is held out at least.
        decoding: `scores` (likelihood of each label) or `generate` (greedy text, as the paper does).
        max_tokens: The most tokens of a generated answer.
        seed: Root of the choice and order of shots; independent of the data and training seeds.
    """

    shots: int = 2
    decoding: str = "scores"
    max_tokens: int = 20
    seed: int = 1337
    model: str = field(default=models.STUDENT, metadata={"key": False})  # its identity is in the key instead
    shot_strategy: str = "balanced"
    option_order: str = "task"
    select: tuple[int, ...] = ()
    dev_rows: int = 100
    exact: bool = field(default=False, metadata={"key": False})  # what is shown is in the key
    exact_dev_rows: bool = field(default=False, metadata={"key": False})

    def __post_init__(self) -> None:
        object.__setattr__(self, "select", tuple(sorted(set(self.select))))
        for flag, numbers in (("--shots", (self.shots,)), ("--select", self.select)):
            if not all(0 <= number <= 100 for number in numbers):
                raise UsageError(f"{', '.join(map(str, numbers))} shots", flag, "use 0 to 100")
        if self.shot_strategy not in STRATEGIES:
            fix = one_of(self.shot_strategy, STRATEGIES)
            raise UsageError(f"unknown strategy {self.shot_strategy!r}", "--shot-strategy", fix)
        if self.option_order not in OPTION_ORDERS:
            fix = one_of(self.option_order, OPTION_ORDERS)
            raise UsageError(f"unknown order {self.option_order!r}", "--option-order", fix)
        if self.dev_rows < 1:
            raise UsageError(f"{self.dev_rows} held-out rows", "--dev-rows", "use at least 1")
        if self.decoding not in DECODINGS:
            raise UsageError(f"unknown decoding {self.decoding!r}", "--decoding", one_of(self.decoding, DECODINGS))
        if self.option_order == "shuffled" and self.decoding != "scores":
            fix = "add --decoding scores: an answer `2` would mean another label"
            raise UsageError("shuffled options with generated answers", "--option-order", fix)

    @property
    def uses_draws(self) -> bool:
        """Whether anything is taken from a draw."""
        return bool(self.shots if not self.select else True)
