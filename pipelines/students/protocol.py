"""What a student is: it is fitted on the rows of one draw and scores texts. One file per student beside this one.

Here: StudentConfig, Seeds, FitFailed, Fitted, Student, and what a student may offer beyond: fitting several runs at
once (FitsMany), answering in words (Answering). Not here: draws, keys and what is kept of a run (`train.py`).
"""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from sdc.errors import UsageError
from sdc.pipelines.engines.models import Model
from sdc.pipelines.stage import Context
from sdc.pipelines.tasks import Task

#: Texts -> what is said of each: `scores` (one per label, in nats), `reply`, or the `reason` why there is neither.
Answers = Callable[[Sequence[str]], list[dict[str, Any]]]
#: Hears how many units of how many are done.
Count = Callable[[int, int], None]
#: Hears what was measured after so many steps: loss, learning_rate, dev_loss, dev_accuracy.
FitCurve = Callable[[int, Mapping[str, float]], None]


def uncounted(done: int, total: int) -> None:
    """Tells nobody."""


def undrawn(step: int, values: Mapping[str, float]) -> None:
    """Tells nobody."""


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """The random choices of one fit, apart from each other; which rows it gets was the draw's choice.

    Args:
        init: Decides the untrained weights.
        order: Decides the order of the rows, which of them are held out for early stopping, and dropout.
    """

    init: int
    order: int


def check_length(wanted: int, most: int, *, usual: int, model: str) -> None:
    """Raises a UsageError for a length in tokens that was asked for and that the model cannot take.

    The `usual` length of a method was not asked for: it gives way to the model's.
    """
    if most < wanted != usual:
        what = f"{wanted} tokens are more than the {most} that {model} can take"
        raise UsageError(what, "--max-length", f"use {most} or less")


class FitFailed(Exception):
    """A fit came to no usable model: that is a result (status `failed`), not an error of the command.

    Args:
        reason: What went wrong, for the run's row.
        details: How far the fit came.
    """

    def __init__(self, reason: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason, details)
        self.reason, self.details = reason, dict(details or {})

    def __str__(self) -> str:
        return self.reason


class Fitted(Protocol):
    """A student after fitting."""

    #: What is worth knowing about the fit (steps, loss, parameters ...), as JSON types.
    details: Mapping[str, Any]

    def scores(self, texts: Sequence[str]) -> list[list[float]]:
        """Returns one finite log-probability per label for every text, in the order of the label ids."""
        ...

    def save(self, folder: Path) -> None:
        """Writes weights (safetensors) and settings (JSON) into an empty folder."""
        ...


@runtime_checkable
class Answering(Protocol):
    """A fitted student that says itself what is kept of a text."""

    def answers(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Returns the columns `scores` or `reply` of the table `outputs` for every text."""
        ...


@dataclass(frozen=True, kw_only=True)
class StudentConfig(ABC):
    """The settings of a kind of student, and all that the program has to know of that kind.

    A setting that no flag of `sdc train` gives has `metadata={"flag": False}`; one that changes no result, and so is in
    no key, `metadata={"key": False}`. A student that starts from a model has the setting `model`.
    """

    #: What `--method` calls it.
    method: ClassVar[str]
    #: Which library reads an exported folder, for its card.
    library: ClassVar[str]
    #: Whether `Seeds` change the result; if not, they stay out of the key.
    seeded: ClassVar[bool] = True
    #: Whether it uses a GPU where there is one, so that energy is measured.
    uses_gpu: ClassVar[bool] = True
    #: Whether its files answer only beside the model that it started from.
    needs_base: ClassVar[bool] = False
    #: Whether it reads embeddings, which an encoder makes once for all runs: no run's seconds have that.
    reads_embeddings: ClassVar[bool] = False
    #: Runs that are best fitted together, where nothing else says so.
    together: ClassVar[int] = 1
    #: What a run is taken to take where nobody has measured one, in seconds.
    guessed_s: ClassVar[float] = 45.0
    #: Whether a bias on its scores can be fitted by fits of parts of a draw, one after another.
    can_calibrate: ClassVar[bool] = True
    #: Whether such fits take so little that nobody need ask for them.
    folds_are_cheap: ClassVar[bool] = False
    #: Why it has no ONNX form; None if it has one.
    no_onnx: ClassVar[str | None] = None

    @classmethod
    def wanted_by(cls, model: Model) -> Mapping[str, Any]:
        """Returns settings that a model needs, used where the user gave none."""
        return getattr(model, cls.method, {})

    @abstractmethod
    def build(self, context: Context, task: Task) -> "Student":
        """Returns the student of a task with these settings; nothing heavy is imported before it fits."""

    @abstractmethod
    def load(self, folder: Path, *, name: str, student: "Callable[[], Student]") -> Answers:
        """Returns the answers of a fitted student; it remembers no text, so any number of texts takes the same memory.

        Args:
            folder: What `Fitted.save` wrote, or `export` from it.
            name: For errors.
            student: Builds the student, where its model is needed beside the folder.

        Raises:
            EngineError: The files, or the model that they belong to, cannot be loaded.
        """

    def load_onnx(self, folder: Path, *, precision: str) -> Answers:
        """Returns the answers of the ONNX form in an exported folder, where the method has one (`no_onnx` is None).

        Raises:
            UsageError: The method has no ONNX form, there is no such precision, or the folder was exported without it.
            EngineError: onnxruntime is not installed, or cannot load the file.
        """
        raise UsageError(f"method {self.method} has no ONNX form: {self.no_onnx}", "--onnx", "drop the flag")

    def export(self, source: Path, out: Path, *, name: str, task: Task) -> None:
        """Writes the files of `Fitted.save` in `source` into an exported folder, as the method's library reads them.

        Args:
            source: Holds the files.
            out: The folder.
            name: Of the model that it started from, for errors.
            task: Its labels.
        """
        shutil.copytree(source, out, dirs_exist_ok=True, copy_function=shutil.copyfile)

    def usage(self, model: str) -> str:
        """Returns what its card says of using an exported folder without sdc, or of what it needs beside; Markdown.

        Args:
            model: The name of the model that it started from, escaped.
        """
        return ""


class Student(Protocol):
    """A kind of small model with its settings; it may be fitted many times."""

    #: What `--method` calls it.
    method: str
    #: What tables show as the model.
    model: str
    #: Whether `Seeds` change the result; if not, they stay out of the key.
    seeded: bool
    #: Whether it uses a GPU where there is one.
    uses_gpu: bool

    def identity(self) -> dict[str, Any]:
        """Returns what of the student decides a result, for keys: draw, seeds and test rows are not its business."""
        ...

    def prepare(self, texts: Sequence[str], *, progress: Count = uncounted) -> None:
        """Takes every text of the coming fits and tests, so that work on single texts is done once.

        Args:
            texts: All of them.
            progress: Hears of texts, where the work on one takes long.
        """
        ...

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
    ) -> Fitted:
        """Fits a new model.

        Args:
            texts: Of the rows.
            labels: Their label ids.
            num_labels: Labels of the task.
            seeds: Random choices.
            weights: What each row counts in the loss, above 0; None: all alike.
            progress: Hears of steps, where a fit takes some.
            curve: Hears what was measured after them.

        Raises:
            FitFailed: The rows do not allow a fit, or it diverged.
            EngineError: The model cannot be loaded, or memory ran out.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class FitJob:
    """One of several fits: rows, their label ids, seeds, and what each row counts in the loss (None: all alike)."""

    texts: Sequence[str]
    labels: Sequence[int]
    seeds: Seeds
    weights: Sequence[float] | None = None


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What became of a fit.

    Args:
        job: The position of its `FitJob`.
        result: The fitted student, or why there is none.
        seconds: Its share of the time that the fits took together.
        more: How many that were fitted together with it are still to come. All of them are kept, or none: one that is
            fitted again without the others may round otherwise.
    """

    job: int
    result: Fitted | FitFailed
    seconds: float
    more: int = 0


@runtime_checkable
class FitsMany(Protocol):
    """A student that may fit several runs at once; the result of each is the one of `fit`, up to rounding."""

    def fit_many(
        self,
        jobs: Sequence[FitJob],
        *,
        num_labels: int,
        progress: Count,
        wanted: Sequence[int] | None = None,
        curve: Callable[[int], FitCurve] = lambda job: undrawn,
    ) -> Iterator[Finished]:
        """Yields every job that is wanted once, as they end; a fitted student may be used before the next is asked for.

        Which of them are fitted together depends on `jobs`, and not on which of these are there already.

        Args:
            jobs: All fits of the command.
            num_labels: Labels of the task.
            progress: Called with steps that are done, and steps in all.
            wanted: Positions of the jobs to fit, rising; None for all.
            curve: Returns what hears of the steps of a job.

        Raises:
            EngineError: The model cannot be loaded, or memory ran out.
        """
        ...
