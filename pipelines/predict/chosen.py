"""What classifies: a run of the store, or an exported folder; one of them is named.

Here: the choice. Not here: opening either (`predictors.py`, `exported.py`).
"""

from contextlib import AbstractContextManager
from pathlib import Path

from sdc.errors import UsageError
from sdc.pipelines.predict import exported, predictors
from sdc.pipelines.predict.predictors import Predictor
from sdc.pipelines.records import run_record
from sdc.pipelines.stage import Context


def predictor(
    context: Context,
    *,
    run: str | None,
    folder: Path | None,
    precision: str | None = None,
    base: str | None = None,
    keep_weights: bool = False,
) -> AbstractContextManager[Predictor]:
    """Gives the predictor of a run or of a folder.

    Args:
        context: Where the store is.
        run: Key of a run, or of its evaluation.
        folder: What `sdc export` wrote.
        precision: Of a folder's ONNX form; None runs the weights.
        base: The model that it started from, where it is not found by itself.
        keep_weights: Keep a run's weights that had to be made again.

    Raises:
        UsageError: Neither or both are named, or they are not what they should be.
        EngineError: A model cannot be loaded.
    """
    check(run, folder)
    if run is not None:
        return predictors.of_run(context, run_record.find(context, run), base=base, keep_weights=keep_weights)
    assert folder is not None
    return exported.of_folder(context, folder, precision=precision, base=base)


def check(run: str | None, folder: Path | None) -> None:
    """Raises a UsageError unless one of them is named."""
    if (run is None) == (folder is None):
        raise UsageError("say what classifies", fix="give --run KEY, or --model FOLDER that `sdc export` wrote")
