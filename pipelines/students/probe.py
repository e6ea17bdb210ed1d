"""The probe: a logistic regression on the sentence embeddings of a frozen encoder.

The encoder reads every text once, for all draws, tests and commands that share a store; a fit is then a matter of
milliseconds. Centred and scaled: embeddings of one encoder point almost all the same way, and what tells labels apart
is a small part of them.

Here: settings, the fit, saving. Not here: encoders (`encoders/`), the regression itself (`logistic.py`).

Shape letters: N texts, E numbers of an embedding.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from sdc.cache.embeddings import Embeddings
from sdc.cache.key import identity
from sdc.errors import EngineError, UsageError
from sdc.pipelines import encoders
from sdc.pipelines.encoders import Encoder, Remembering, settings
from sdc.pipelines.engines import models
from sdc.pipelines.engines.models import Model
from sdc.pipelines.stage import Context
from sdc.pipelines.students import logistic
from sdc.pipelines.students.protocol import (
    Answers,
    Count,
    FitCurve,
    FitFailed,
    Seeds,
    Student,
    StudentConfig,
    check_length,
    uncounted,
    undrawn,
)
from sdc.pipelines.tasks import Task

POOLINGS = ("mean", "cls")
_SETTINGS, _WEIGHTS = "probe.json", "probe.safetensors"


@dataclass(frozen=True, kw_only=True)
class ProbeConfig(StudentConfig):
    """Settings of the probe.

    Args:
        model: The encoder: alias, hub id or folder.
        prefix: What stands before every text; None takes what the encoder's files say, or its family is known to want.
        pooling: `mean` of the last states of all tokens, or `cls`: that of the first token. Where the user says
            nothing, what the encoder's files say.
        max_length: Tokens that prefix and text are cut to, at least 2; the encoder's own limit applies too.
        c: Inverse strength of the L2 penalty, above 0.
        max_iterations: Most L-BFGS iterations, at least 1.
    """

    method: ClassVar[str] = "probe"
    library: ClassVar[str] = "sdc"
    seeded: ClassVar[bool] = False
    guessed_s: ClassVar[float] = 0.2
    folds_are_cheap: ClassVar[bool] = True
    needs_base: ClassVar[bool] = True
    reads_embeddings: ClassVar[bool] = True
    no_onnx: ClassVar[str | None] = "its encoder is another model"

    model: str = field(default=models.ENCODER, metadata={"key": False})  # its identity is in the key instead
    prefix: str | None = None
    pooling: str = "mean"
    max_length: int = 256
    c: float = field(default=1.0, metadata={"flag": False})
    max_iterations: int = field(default=1000, metadata={"flag": False})

    def __post_init__(self) -> None:
        if self.pooling not in POOLINGS:
            what = f"pooling is {self.pooling!r}, as you or the encoder's files say"
            raise UsageError(what, "--pooling", f"choose {' or '.join(POOLINGS)}")
        if self.max_length < 2:
            raise UsageError(f"max_length is {self.max_length}", "--max-length", "it must be at least 2")
        if self.c <= 0 or self.max_iterations < 1:
            raise UsageError("a setting of the probe is out of range", "preset", "see ProbeConfig")

    @classmethod
    def wanted_by(cls, model: Model) -> Mapping[str, Any]:
        """Returns the pooling that an encoder was trained with."""
        return {"pooling": settings.pooling_of(model)}

    def build(self, context: Context, task: Task) -> "ProbeStudent":
        """Returns the student of a task.

        Raises:
            UsageError: A length is given for an encoder that reads all of a text.
        """
        if context.model(self.model).package and self.max_length != ProbeConfig.max_length:
            raise UsageError(f"{self.model} reads all of a text", "--max-length", "drop the flag")
        return ProbeStudent(self, context.model(self.model), kept=context.store.place.home / "embeddings.db")

    def load(self, folder: Path, *, name: str, student: Callable[[], Student]) -> Answers:
        """Returns the answers of what `save` wrote."""
        from safetensors import SafetensorError

        made = student()
        assert isinstance(made, ProbeStudent)
        try:
            about = json.loads((folder / _SETTINGS).read_text("utf-8"))
            loaded = _Head.read(folder, num_labels=int(about["num_labels"]))
        except (SafetensorError, OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            what = f"cannot read the weights ({str(error)[:160]})"
            raise EngineError(what, str(folder), "check the folder") from error
        encoder = made.encoder
        if encoder.dim != len(loaded.mean_E):
            what = f"the weights are for {len(loaded.mean_E)} numbers, {made.model} gives {encoder.dim}"
            raise EngineError(what, name, "train it again")
        return lambda texts: [{"scores": row} for row in (loaded.scores(encoder.encode(texts)) if texts else [])]

    def usage(self, model: str) -> str:
        """Returns what the folder holds, and what it does not."""
        return (
            f"The folder holds a regression on the sentence embeddings of {model}, and not that encoder: `sdc predict`"
            " takes it from this machine or the hub, or from where `--base` says."
        )


class ProbeStudent:
    """Fits one logistic regression per draw over embeddings that are computed once.

    Args:
        config: How.
        model: The encoder.
        kept: The file with embeddings of earlier commands.
    """

    method, seeded, uses_gpu = ProbeConfig.method, ProbeConfig.seeded, ProbeConfig.uses_gpu

    def __init__(self, config: ProbeConfig, model: Model, *, kept: Path) -> None:
        self.config, self.model = config, model.name
        self._source = model
        self._remembering = Remembering(Embeddings(kept, self._encoding), self._load)

    @cached_property
    def _encoding(self) -> dict[str, Any]:
        """All that decides an embedding beside the text."""
        prefix = settings.prefix_of(self._source) if self.config.prefix is None else self.config.prefix
        long = {} if self._source.package else {"max_length": self.config.max_length}
        return {"model": self._source.identity(), "prefix": prefix, "pooling": self.config.pooling, **long}

    @property
    def encoder(self) -> Encoder:
        """The encoder, loaded."""
        return self._remembering.encoder

    def identity(self) -> dict[str, Any]:
        """Returns the settings that are not at their default, the identity of the encoder, and what it is told."""
        return {**identity(self.config), "model": self._source.identity(), "prefix": self._encoding["prefix"]}

    def prepare(self, texts: Sequence[str], *, progress: Count = uncounted) -> None:
        """Encodes all texts that this store has no embedding of yet."""
        self._remembering.num_encoded, self._remembering.seconds = 0, 0.0  # a run says what its cell's texts took
        self._remembering.prepare(texts, progress=progress)

    def vectors(self, texts: Sequence[str]) -> Any:
        """Returns vectors_NE of the texts, float64."""
        return self._remembering.vectors(texts).astype("float64")

    def fit(
        self,
        texts: Sequence[str],
        labels: Sequence[int],
        *,
        num_labels: int,
        seeds: Seeds,
        weights: Sequence[float] | None = None,
        progress: Count = uncounted,
        curve: FitCurve = undrawn,
    ) -> "FittedProbe":
        """Fits a multinomial logistic regression on the embeddings.

        Raises:
            FitFailed: The rows hold one label only.
            EngineError: The encoder cannot be loaded.
        """
        if len(set(labels)) < 2:
            raise FitFailed("the draw holds fewer than two labels", {"labels": len(set(labels))})
        vectors_NE = self.vectors(texts)
        mean_E = vectors_NE.mean(0)
        scale = float((vectors_NE - mean_E).std()) or 1.0
        regression = logistic.fit(
            (vectors_NE - mean_E) / scale, labels, c=self.config.c, max_iterations=self.config.max_iterations,
            weights=weights,
        )  # fmt: skip
        details = logistic.details(regression, max_iterations=self.config.max_iterations)
        details |= {"encoded": self._remembering.num_encoded, "encoding_seconds": round(self._remembering.seconds, 3)}
        return FittedProbe(self, _Head(mean_E, scale, regression, num_labels), details)

    def _load(self) -> Encoder:
        config = self.config
        encoder = encoders.load(
            self._source, prefix=self._encoding["prefix"], pooling=config.pooling, max_length=config.max_length
        )
        if encoder.longest is not None:
            check_length(config.max_length, encoder.longest, usual=ProbeConfig.max_length, model=self.model)
        return encoder


class _Head:
    """A fitted regression with the centre and scale of its embeddings."""

    def __init__(self, mean_E: Any, scale: float, regression: Any, num_labels: int) -> None:
        self.mean_E, self.scale, self.regression, self.num_labels = mean_E, scale, regression, num_labels

    def scores(self, vectors_NE: Any) -> list[list[float]]:
        features_NE = (vectors_NE.astype("float64") - self.mean_E) / self.scale
        return logistic.log_probabilities(self.regression, features_NE, num_labels=self.num_labels)

    def write(self, folder: Path) -> None:
        import numpy as np
        from safetensors.numpy import save_file

        scale = np.asarray([self.scale])
        save_file(
            {**logistic.tensors(self.regression), "mean": np.ascontiguousarray(self.mean_E), "scale": scale},
            folder / _WEIGHTS,
        )

    @classmethod
    def read(cls, folder: Path, *, num_labels: int) -> "_Head":
        from safetensors.numpy import load_file

        found = load_file(folder / _WEIGHTS)
        regression = logistic.of_tensors(found, num_labels=num_labels)
        mean_E, scale = found["mean"], float(found["scale"][0])
        if mean_E.ndim != 1 or regression.coef_.shape[1] != len(mean_E) or scale <= 0:
            raise ValueError("the tensors do not belong together")
        return cls(mean_E, scale, regression, num_labels)


class FittedProbe:
    """One fitted probe."""

    def __init__(self, student: ProbeStudent, head: _Head, details: Mapping[str, Any]) -> None:
        self._student, self._head, self.details = student, head, details

    def scores(self, texts: Sequence[str]) -> list[list[float]]:
        """Returns log-probabilities; `logistic.ABSENT` for labels that the draw did not hold, and never below it."""
        return self._head.scores(self._student.vectors(texts)) if texts else []

    def save(self, folder: Path) -> None:
        """Writes `probe.safetensors` (coefficients, intercepts, label ids, mean, scale) and `probe.json`."""
        self._head.write(folder)
        how = {name: value for name, value in asdict(self._student.config).items() if name != "model"}
        about = {"settings": how, "num_labels": self._head.num_labels}
        (folder / _SETTINGS).write_text(json.dumps(about, ensure_ascii=False), "utf-8")
