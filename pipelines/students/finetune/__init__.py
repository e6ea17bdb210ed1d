"""The fine-tuned student: any sequence-classification transformer of Hugging Face, all weights trained.

Here: its settings, and a student that loads and prepares once and fits many times. Not here: loading (`classifier.py`),
the training loop (`loop.py`), schedules (`schedule.py`). torch is imported when the first fit starts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdc.cache.key import derive_seed, identity
from sdc.pipelines.engines import tokenizers
from sdc.pipelines.engines.models import Model
from sdc.pipelines.stage import Context
from sdc.pipelines.students import calibrated, schedule
from sdc.pipelines.students.finetune.settings import FinetuneSettings
from sdc.pipelines.students.protocol import (
    Answers,
    Count,
    FitCurve,
    FitFailed,
    Seeds,
    Student,
    check_length,
    uncounted,
    undrawn,
)
from sdc.pipelines.students.reproducible import reproducible
from sdc.pipelines.tasks import Task

if TYPE_CHECKING:
    from sdc.pipelines.students.finetune.classifier import Classifier

#: 2: bf16 on CPUs that have it, a fused optimiser, scoring in batches of so many tokens. 3: always a new head.
VERSION = 3
_USAGE = """\
```python
from transformers import pipeline

classify = pipeline("text-classification", "FOLDER")
classify("a text", truncation=True)
```"""


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig(FinetuneSettings):
    """What the program does with these settings."""

    def build(self, context: Context, task: Task) -> "FinetuneStudent":
        """Returns the student of a task."""
        return FinetuneStudent(self, context.model(self.model), labels=task.label_names)

    def load(self, folder: Path, *, name: str, student: Callable[[], Student]) -> Answers:
        """Returns the answers of what `save` wrote."""
        from sdc.pipelines.students.finetune import classifier

        return classifier.from_folder(folder, name=name, max_length=self.max_length, precision=self.precision)

    def load_onnx(self, folder: Path, *, precision: str) -> Answers:
        """Returns the answers of the ONNX form."""
        from sdc.pipelines.students.finetune import onnx

        return onnx.answers(folder, precision=precision, max_length=self.max_length)

    def export(self, source: Path, out: Path, *, name: str, task: Task) -> None:
        """Writes the files with names of labels in the config, and what a text is cut to in the tokenizer."""
        from sdc.pipelines.students.finetune import classifier

        super().export(source, out, name=name, task=task)
        bias_L = calibrated.bias_of(out)
        if bias_L is not None and classifier.shift_head(out, bias_L):
            (out / calibrated.FILE).unlink()  # it is in the weights now, for every library that reads them
        classifier.name_labels(out, task.label_names)
        tokenizer = classifier.cutting_tokenizer(Model(name=name, source=str(source), digest="-"), self.max_length)
        tokenizer.save_pretrained(out)

    def usage(self, model: str) -> str:
        """Returns how transformers reads the folder."""
        return _USAGE


class FinetuneStudent:
    """Fine-tunes one pre-trained model again and again, each time from its own weights.

    Args:
        config: How.
        model: The pre-trained model.
        labels: Names of the labels by id, which a head that is kept must have; empty where nobody knows them.
    """

    method, seeded, uses_gpu = FinetuneConfig.method, FinetuneConfig.seeded, FinetuneConfig.uses_gpu

    def __init__(self, config: FinetuneConfig, model: Model, *, labels: Sequence[str] = ()) -> None:
        self.config, self.model = config, model.name
        self._source, self._labels = model, tuple(labels)
        self._tokenizer: Any = None
        self._ids: dict[str, list[int]] = {}

    def identity(self) -> dict[str, Any]:
        """Returns the settings that are not at their default and the identity of the pre-trained model."""
        return {**identity(self.config), "model": self._source.identity(), "finetune": VERSION}

    def like(self, config: FinetuneConfig) -> "FinetuneStudent":
        """Returns a student of the same model with other settings; texts that are tokenised stay so."""
        other = FinetuneStudent(config, self._source, labels=self._labels)
        if config.max_length == self.config.max_length:
            other._tokenizer, other._ids = self._tokenizer, self._ids
        return other

    def prepare(self, texts: Sequence[str], *, progress: Count = uncounted) -> None:
        """Tokenises all texts that are not tokenised yet."""
        if self._tokenizer is None:
            self._tokenizer = tokenizers.load(self._source)
        new = [text for text in dict.fromkeys(texts) if text not in self._ids]
        limit = tokenizers.length_limit(self._source, self._tokenizer, self.config.max_length)
        check_length(self.config.max_length, limit, usual=FinetuneConfig.max_length, model=self.model)
        self._ids.update(zip(new, tokenizers.encode(self._tokenizer, new, limit), strict=True))

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns the token ids of the texts, in their order."""
        self.prepare(texts)
        return [self._ids[text] for text in texts]

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
    ) -> "FittedTransformer":
        """Fine-tunes the pre-trained model on these rows.

        Raises:
            FitFailed: The rows hold one label only, or a loss or gradient is not finite.
            UsageError: A head is to be kept that is one of other labels.
            EngineError: The model cannot be loaded, or memory ran out.
        """
        from sdc.pipelines.students.finetune import classifier, loop

        if len(set(labels)) < 2:
            raise FitFailed("the draw holds fewer than two labels", {"labels": len(set(labels))})
        rows = self.ids(texts)
        dev: list[int] = []
        if self.config.early_stopping:
            seed = derive_seed(seeds.order, "dev")
            dev = schedule.held_out(labels, fraction=self.config.dev_fraction, seed=seed)
        if self.config.keep_head:
            classifier.check_head(self._source, num_labels, self._labels)
        with reproducible(self.model):
            model = classifier.load(
                self._source, self._tokenizer, num_labels, dropout=self.config.dropout, seed=seeds.init,
                precision=self.config.precision, keep_head=self.config.keep_head,
            )  # fmt: skip
            details = loop.train(
                model, rows, labels, dev=dev, config=self.config, seed=seeds.order, weights=weights, progress=progress,
                curve=curve,
            )  # fmt: skip
        return FittedTransformer(self, model, details)

    def save_tokenizer(self, folder: Path) -> None:
        """Writes the tokenizer's files."""
        self._tokenizer.save_pretrained(folder)


class FittedTransformer:
    """One fine-tuned classifier."""

    def __init__(self, student: FinetuneStudent, model: "Classifier", details: Mapping[str, Any]) -> None:
        self._student, self._model, self.details = student, model, details

    def scores(self, texts: Sequence[str]) -> list[list[float]]:
        """Returns log-probabilities of the labels.

        Raises:
            FitFailed: A score is not finite.
        """
        with reproducible(self._student.model):
            logp_NL = self._model.log_probabilities(self._student.ids(texts))
        if not bool(logp_NL.isfinite().all()):
            raise FitFailed("a score is not finite", self.details)
        return logp_NL.tolist()

    def save(self, folder: Path) -> None:
        """Writes weights, config and tokenizer as `from_pretrained` reads them."""
        self._model.network.save_pretrained(folder)
        self._student.save_tokenizer(folder)
