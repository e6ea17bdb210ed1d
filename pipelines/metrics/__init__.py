"""Metrics over gold labels and what a reader made of a student's answers: one file each, chosen by name.

Here: the registry. Not here: reading answers (`readers/`), means over repeats (`report.py`).
"""

from collections.abc import Callable, Mapping, Sequence

from sdc.pipelines.metrics.accuracy import accuracy
from sdc.pipelines.metrics.failed_run import failed_run
from sdc.pipelines.metrics.interval import Estimate
from sdc.pipelines.metrics.labels import Labels
from sdc.pipelines.metrics.macro_f1 import macro_f1, macro_f1_of_many, macro_f1_paper_code
from sdc.pipelines.metrics.majority_rate import majority_macro_f1, majority_rate
from sdc.pipelines.metrics.unparsed_rate import unparsed_rate

Metric = Callable[..., Estimate]

#: name -> function(gold, predicted, *, num_labels). The names stand in the table `metrics`.
METRICS: Mapping[str, Metric] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "unparsed_rate": unparsed_rate,
    "majority_rate": majority_rate,
    "majority_macro_f1": majority_macro_f1,
    "failed_run": failed_run,
}
#: Metrics that say something about the reader of the released script, and nothing under any other.
PAPER_CODE_METRICS: Mapping[str, Metric] = {"macro_f1_paper_code": macro_f1_paper_code}
#: Metrics that a report can rank by, and the majority baseline in the same unit.
HEADLINES: Mapping[str, str] = {"accuracy": "majority_rate", "macro_f1": "majority_macro_f1"}


#: Metrics of many runs on the same test rows at once, where that is faster.
_OF_MANY: Mapping[str, Callable[..., list[Estimate]]] = {"macro_f1": macro_f1_of_many}


def measure(gold: Labels, predicted: Labels, *, num_labels: int, reader: str) -> dict[str, Estimate]:
    """Returns every metric that applies to answers read by `reader`, by name; see `measure_many`."""
    (found,) = measure_many(gold, [predicted], num_labels=num_labels, reader=reader)
    return found


def measure_many(
    gold: Labels, predictions: Sequence[Labels], *, num_labels: int, reader: str
) -> list[dict[str, Estimate]]:
    """Returns every metric that applies to answers read by `reader`, by name, of each run.

    Args:
        gold: The right label id per test row; at least one.
        predictions: The label id that was read per test row, of each run; None, or -1 in an array, is unparsed.
        num_labels: Number of labels of the task.
        reader: The resolved reader.
    """
    chosen = {**METRICS, **(PAPER_CODE_METRICS if reader == "paper-code" else {})}
    found: list[dict[str, Estimate]] = [{} for _ in predictions]
    for name, metric in chosen.items():
        estimates = (
            _OF_MANY[name](gold, predictions, num_labels=num_labels)
            if name in _OF_MANY
            else [metric(gold, predicted, num_labels=num_labels) for predicted in predictions]
        )
        for of_run, estimate in zip(found, estimates, strict=True):
            of_run[name] = estimate
    return found
