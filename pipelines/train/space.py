"""The settings of fine-tuning that a search may try, around those of the preset.

Here: the values, and one set of them from an Optuna trial. Not here: the search (`tune.py`).
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from sdc.pipelines.students.finetune import FinetuneConfig

#: The learning rate is searched between the preset's over and times this.
_RATE_FACTOR = 10
_DROPOUTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
_BATCH_SIZES = (4, 8, 16, 32, 64)
SEARCHED = ("learning_rate", "dropout", "epochs", "batch_size")


def choices(config: FinetuneConfig, fixed: Collection[str] = ()) -> dict[str, list[Any]]:
    """Returns the values of each setting that is searched; of the learning rate the two ends of a log scale.

    Those of `config` are among them, so that a search can find that nothing is better.

    Args:
        config: The settings to search around.
        fixed: Settings that stay as they are.

    >>> found = choices(FinetuneConfig(epochs=20, learning_rate=1e-3), fixed=["batch_size"])
    >>> found["epochs"], found["learning_rate"], "batch_size" in found
    ([5, 10, 20], [0.0001, 0.01], False)
    """
    found: dict[str, list[Any]] = {
        "learning_rate": [config.learning_rate / _RATE_FACTOR, min(1.0, config.learning_rate * _RATE_FACTOR)],
        "dropout": sorted({*_DROPOUTS, config.dropout}),
        "epochs": sorted({max(1, config.epochs // 4), max(1, config.epochs // 2), config.epochs}),
        "batch_size": [config.batch_size, *(size for size in _BATCH_SIZES if size != config.batch_size)],
    }
    return {name: values for name, values in found.items() if name not in fixed}


def of(config: FinetuneConfig, values: Mapping[str, Any]) -> FinetuneConfig:
    """Returns `config` with these settings; a rate has two digits, so that it can be typed by hand.

    >>> of(FinetuneConfig(), {"learning_rate": 0.000123456, "epochs": 5}).learning_rate
    0.00012
    """
    rate = values.get("learning_rate", config.learning_rate)
    rounded = rate if rate == config.learning_rate else float(f"{rate:.2g}")
    return replace(config, **{**values, "learning_rate": rounded})


def suggested(trial: Any, config: FinetuneConfig, fixed: Collection[str] = ()) -> FinetuneConfig:
    """Returns the settings that an Optuna trial is to try."""
    values: dict[str, Any] = {}
    for name, known in choices(config, fixed).items():
        if name == "learning_rate":
            values[name] = trial.suggest_float(name, *known, log=True)
        else:
            values[name] = trial.suggest_categorical(name, known)
    return of(config, values)
