"""What a gate knows beside the text: the cell, its human rows and its test rows.

Here: how human rows set the norm ("what people do themselves in this cell is no defect") and what is far out among
them. Ten rows per label must do. Not here: any gate.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sdc.pipelines.cells import Cell
from sdc.pipelines.text import scripts
from sdc.pipelines.text.scripts import WritingSystem
from sdc.pipelines.text.similarity import frequencies, known
from sdc.pipelines.text.similarity_many import Known

#: More human rows teach nothing that changes a limit.
_MAX_ROWS = 2000
#: The share of human rows that may be odd: what more of them do is a habit.
_ODD_SHARE = 0.0025
#: Few rows say little about their spread: it is averaged with this one, which counts as so many rows. A standard
#: deviation of 0.8 in the logarithm of the length is what posts and reviews have; questions and news have less.
_PRIOR_SPREAD, _PRIOR_ROWS, _LEAST_SPREAD = 0.8, 20, 0.35
#: The spread is taken as large as it may well be: quartiles of n rows give it within this share of itself / sqrt(n), at
#: a confidence of 95 % (1.64 times a standard error of 1.17).
_UNSURE = 1.9
#: Quartiles of a normal distribution are so many standard deviations apart.
_QUARTILES_APART = 1.349


@dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """What the texts of a cell are compared with.

    Args:
        cell: The language and task.
        human: Human train texts of the cell.
        test: Texts of all its test splits.
    """

    cell: Cell
    human: Sequence[str] = ()
    test: Sequence[str] = ()

    @cached_property
    def sample(self) -> list[str]:
        """The human texts that set the norm: those with a letter, of all or of 2,000 that are spread evenly."""
        step = max(1.0, len(self.human) / _MAX_ROWS)
        chosen = (self.human[int(i * step)] for i in range(min(len(self.human), _MAX_ROWS)))
        return [text for text in chosen if any(map(str.isalpha, text))]

    @cached_property
    def writing(self) -> WritingSystem | None:
        """The scripts of the language, and those that people write beside it; None if they are unknown."""
        return scripts.of(self.cell.language.script, self.sample)

    @cached_property
    def frequencies(self) -> Mapping[int, int]:
        """How rare each shingle is in human texts, as `similarity.Index` wants to know it."""
        return frequencies(self.sample)

    @cached_property
    def known_human(self) -> Known:
        """The human texts, ready to be searched for copies."""
        return known(self.human)

    @cached_property
    def known_test(self) -> Known:
        """The test texts, ready to be searched for copies."""
        return known(self.test)

    @cached_property
    def _stripped(self) -> list[str]:
        return list(map(str.strip, self.sample))

    def is_habit(self, test: Callable[[str], object]) -> bool:
        """Returns whether a test is true of more human rows than the few odd ones; white space around them is off."""
        return sum(1 for text in self._stripped if test(text)) > int(_ODD_SHARE * len(self._stripped))

    def habit(self, score: Callable[[str], float], *, tolerate: int = 0) -> float:
        """Returns the highest score of a human row, leaving out the few odd ones; 0 without human rows.

        Args:
            score: Of a text; 0 is nothing odd.
            tolerate: So many rows are odd at least. 0 where a row that people write is never a defect, 1 where it may
                have strayed in, as a text in another language does.

        >>> from sdc.pipelines import tasks
        >>> from sdc.pipelines.tasks import languages
        >>> cell = Cell(language=languages.load("en"), task=tasks.load("topic"))
        >>> reference = Reference(cell=cell, human=["a!!!!", "b!", "c!!", "d"])
        >>> [reference.habit(lambda text: text.count("!"), tolerate=number) for number in (0, 1)]
        [4, 2]
        """
        return self.habitual(map(score, self.sample), tolerate=tolerate)

    def habitual(self, scores: Iterable[float], *, tolerate: int = 0) -> float:
        """Returns `habit` of the scores that the rows of the sample have."""
        scores = sorted(scores, reverse=True)
        odd = max(tolerate, int(_ODD_SHARE * len(scores)))
        return scores[odd] if len(scores) > odd else 0.0


def far_out(values: Sequence[float], *, spreads: float) -> float:
    """Returns the value that lies so many standard deviations above the median, on a logarithmic scale.

    Median and quartiles, so that a few extreme rows do not matter.

    Args:
        values: Above 0; at least two.
        spreads: How many standard deviations.

    >>> round(far_out([50] * 10_000, spreads=2) / 50, 2)  # no spread at all: the least is taken
    2.04
    """
    logs = [math.log(value) for value in values]
    low, middle, high = statistics.quantiles(logs, n=4, method="inclusive")
    own = (high - low) / _QUARTILES_APART
    spread = (len(logs) * own + _PRIOR_ROWS * _PRIOR_SPREAD) / (len(logs) + _PRIOR_ROWS)
    return math.exp(middle + spreads * max(spread, _LEAST_SPREAD) * (1 + _UNSURE / len(logs) ** 0.5))
