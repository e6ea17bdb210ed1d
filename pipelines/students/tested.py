"""What a fitted student says about the test rows.

Here: its outputs, or why there are none. Not here: fitting, and what else is kept of a run (`train.py`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sdc.pipelines.students.protocol import Answering, Finished, FitFailed, Fitted


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A run that was fitted and tested.

    Args:
        result: The fitted student, or why the run failed, in the fit or in the test.
        outputs: Rows of the table `outputs`, without their key; none if it failed.
        seconds: Of both.
    """

    result: Fitted | FitFailed
    outputs: Sequence[dict[str, Any]]
    seconds: float


def tested_on(finished: Finished, idxs: Sequence[int], texts: Sequence[str]) -> Tested:
    """Returns what becomes of a fit on the test rows, which have these positions and texts."""
    result, start = finished.result, time.perf_counter()
    outputs: list[dict[str, Any]] = []
    if not isinstance(result, FitFailed):
        try:
            outputs = [{"idx": idx, **answer} for idx, answer in zip(idxs, _answers(result, texts), strict=True)]
        except FitFailed as failure:
            result = failure
    return Tested(result=result, outputs=outputs, seconds=finished.seconds + time.perf_counter() - start)


def _answers(fitted: Fitted, texts: Sequence[str]) -> list[dict[str, Any]]:
    if isinstance(fitted, Answering):
        return fitted.answers(texts)
    return [{"scores": scores} for scores in fitted.scores(texts)]
