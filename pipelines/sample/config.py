"""Which draws are made: the settings, and what is no setting at all."""

from dataclasses import dataclass, field

from sdc.errors import UsageError, one_of
from sdc.pipelines.records.draws import check_source
from sdc.pipelines.sample.strategies import STRATEGIES

ALL = "all"
SEEDS_FROM = ("generation", "human")
#: Beyond these a fit has no digits left for the rows that count less, and far beyond its sums overflow.
_LEAST_WEIGHT, _MOST_WEIGHT = 1e-6, 1e6


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """Which draws are made.

    Args:
        source: `synthetic` (accepted rows), `human` (train data), `seeds` (the human examples that the generator was
            shown), `seeds+synthetic` (all seeds and a draw of synthetic rows; the size counts the synthetic ones), or
            `human+synthetic` (all human rows and a draw of synthetic ones; the size counts the synthetic ones).
        strategy: One of `STRATEGIES`.
        sizes: Nominal numbers of rows, and `all` for every row.
        repeats: Draws per size, at least 1. A repeat of `all` is the same rows again, for other training seeds.
        seed: Root of the data seeds; one per repeat, shared by all sizes, so that draws are nested.
        exact: Every size is an order: one that cannot be drawn is refused. Without, sizes are wishes: those above the
            task's grid, or of more rows than there are, are left out, and `seeds` has only `all`.
        seeds_from: `generation` (what the generator was shown), or `human`: examples chosen from human data, for a
            generation made elsewhere.
        per_label: Seeds per label that are chosen from human data, at least 1.
        seed_weight: How much a seed counts in the loss of a student beside a synthetic row, 1e-6 to 1e6.
        encoder: What turns rows into vectors for strategies that ask for some: alias, hub id or folder.
        encoding: What decides these vectors, as a digest; follows from the encoder.
    """

    source: str = "synthetic"
    strategy: str = "balanced"
    sizes: tuple[str, ...] = (ALL,)
    repeats: int = 20
    seed: int = 1337
    exact: bool = False
    seeds_from: str = "generation"
    per_label: int = 10
    seed_weight: float = 1.0
    encoder: str | None = field(default=None, metadata={"key": False})  # its identity is in the key instead
    encoding: str | None = field(default=None, metadata={"derived": True})

    def __post_init__(self) -> None:
        check_source(self.source)
        if self.strategy not in STRATEGIES:
            raise UsageError(f"unknown strategy {self.strategy!r}", "--strategy", one_of(self.strategy, STRATEGIES))
        wrong = [size for size in self.sizes if size != ALL and not _is_number(size)]
        if wrong or not self.sizes:
            raise UsageError(f"{(wrong or [''])[0][:80]!r} is no size", "--sizes", "use numbers above 0, and `all`")
        if self.repeats < 1:
            raise UsageError("repeats must be at least 1", "--repeats", "correct it")
        if self.seeds_from not in SEEDS_FROM:
            raise UsageError(f"unknown {self.seeds_from!r}", "--seeds-from", one_of(self.seeds_from, SEEDS_FROM))
        if self.seeds_from == "human" and "seeds" not in self.source:
            raise UsageError(f"source {self.source} has no seeds", "--seeds-from", "drop it, or use --source seeds")
        if self.per_label < 1 or (self.per_label != 10 and self.seeds_from != "human"):
            raise UsageError(
                f"{self.per_label} seeds per label", "--per-label", "use 1 or more, and --seeds-from human"
            )
        if not (_LEAST_WEIGHT <= self.seed_weight <= _MOST_WEIGHT):
            what, allowed = f"a seed weight of {self.seed_weight:g}", f"{_LEAST_WEIGHT:g} to {_MOST_WEIGHT:g}"
            raise UsageError(what, "--seed-weight", f"use a number from {allowed}")
        if self.seed_weight != 1 and not has_seeds(self.source):
            what = f"source {self.source} has no seeds beside other rows"
            raise UsageError(what, "--seed-weight", "drop it, or use --source seeds+synthetic")
        if self.encoder is not None and not STRATEGIES[self.strategy].needs_vectors:
            raise UsageError(f"strategy {self.strategy} uses no vectors", "--encoder", "drop it")

    @property
    def needs_human(self) -> bool:
        """Whether draws hold human rows beside those of a generation."""
        return self.source == "human+synthetic" or (self.source == "seeds+synthetic" and self.seeds_from == "human")


def has_seeds(source: str) -> bool:
    """Returns whether draws of a source hold seeds beside other rows."""
    return source == "seeds+synthetic"


def _is_number(size: str) -> bool:
    return size.isascii() and size.isdecimal() and len(size) <= 18 and int(size) > 0
