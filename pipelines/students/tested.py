"""What a fitted student says about the test rows.

Here: its outputs, or why there are none. Not here: fitting, and what else is kept of a run (`train.py`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sdc.cache import columns
from sdc.cache.columns import TableRows
from sdc.pipelines.students.protocol import Answering, Finished, FitFailed, Fitted


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A run that was fitted and tested.

    Args:
        result: The fitted student, or why the run failed, in the fit or in the test.
        outputs: Rows of `outputs`; none if it failed.
        seconds: Of both.
        fit_seconds: Of the fit alone.
    """

    result: Fitted | FitFailed
    outputs: TableRows
    seconds: float
    fit_seconds: float = 0.0


def tested_on(finished: Finished, idxs: Sequence[int], texts: Sequence[str]) -> Tested:
    """Returns what becomes of a fit on the test rows, which have these positions and texts."""
    result, start = finished.result, time.perf_counter()
    outputs: TableRows = ()
    if not isinstance(result, FitFailed):
        try:
            outputs = _outputs(result, idxs, texts)
        except FitFailed as failure:
            result = failure
    seconds = finished.seconds + time.perf_counter() - start
    return Tested(result=result, outputs=outputs, seconds=seconds, fit_seconds=finished.seconds)


def _outputs(fitted: Fitted, idxs: Sequence[int], texts: Sequence[str]) -> TableRows:
    if isinstance(fitted, Answering):
        return [{"idx": idx, **answer} for idx, answer in zip(idxs, fitted.answers(texts), strict=True)]
    return columns.scored(idxs, fitted.scores(texts))
