"""The linear student: TF-IDF of character n-grams and a logistic regression, the baseline beside every result.

It is untuned on purpose and the same for every language, task and size. It has no random choice, so it has no seeds.

Here: counting n-grams once for many fits, the fit, saving. Not here: which rows are fitted (`train.py`).

Shape letters: N texts, V n-grams that were counted, F n-grams that a fit uses, L labels that occur in the draw.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from sdc.cache.key import identity
from sdc.errors import EngineError, UsageError
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
    uncounted,
    undrawn,
)
from sdc.pipelines.tasks import Task

#: 2: fitted to the optimum; before, fits of many rows stopped short of it.
VERSION = 2


@dataclass(frozen=True, kw_only=True)
class LinearConfig(StudentConfig):
    """Settings of the linear student.

    Args:
        max_ngram: Longest n-gram inside word bounds, in characters, at least 1.
        min_df: Smallest share of the rows that an n-gram must occur in, in [0, 1). At 0.001, n-grams of a single row
            count up to 1,000 rows, where they are needed, and are noise above.
        c: Inverse strength of the L2 penalty, above 0.
        max_iterations: Most Newton steps, at least 1.
    """

    method: ClassVar[str] = "linear"
    library: ClassVar[str] = "sdc"
    seeded: ClassVar[bool] = False
    guessed_s: ClassVar[float] = 0.2
    folds_are_cheap: ClassVar[bool] = True
    uses_gpu: ClassVar[bool] = False
    no_onnx: ClassVar[str | None] = "its n-grams have no ONNX operators"

    max_ngram: int = field(default=4, metadata={"flag": False})
    min_df: float = field(default=0.001, metadata={"flag": False})
    c: float = field(default=10.0, metadata={"flag": False})
    max_iterations: int = field(default=1000, metadata={"flag": False})

    def __post_init__(self) -> None:
        if self.max_ngram < 1 or not 0 <= self.min_df < 1 or self.c <= 0 or self.max_iterations < 1:
            raise UsageError("a setting of the linear student is out of range", "preset", "see LinearConfig")

    def build(self, context: Context, task: Task) -> "LinearStudent":
        """Returns the student of a task."""
        return LinearStudent(self)

    def load(self, folder: Path, *, name: str, student: Callable[[], Student]) -> Answers:
        """Returns the answers of what `save` wrote."""
        from safetensors import SafetensorError

        try:
            loaded = LoadedLinear(folder)
        except (SafetensorError, OSError, ValueError, TypeError, LookupError) as error:
            what = f"cannot read the weights ({str(error)[:160]})"
            raise EngineError(what, str(folder), "check the folder") from error
        return lambda texts: [{"scores": scores} for scores in loaded.scores(texts)]


class LinearStudent:
    """Fits one logistic regression per draw over n-grams that are counted once."""

    method, seeded, uses_gpu = LinearConfig.method, LinearConfig.seeded, LinearConfig.uses_gpu
    model = "tfidf-logreg"

    def __init__(self, config: LinearConfig) -> None:
        self.config = config
        self._row_of: dict[str, int] = {}
        self.ngrams: Any = None
        self._logs_NV: Any = None

    def identity(self) -> dict[str, Any]:
        """Returns the settings that are not at their default, and the version."""
        return {**identity(self.config), LinearConfig.method: VERSION}

    def prepare(self, texts: Sequence[str], *, progress: Count = uncounted) -> None:
        """Counts the n-grams of all texts that are not counted yet."""
        from sklearn.feature_extraction.text import CountVectorizer

        if all(text in self._row_of for text in texts):
            return
        known = list(dict.fromkeys([*self._row_of, *texts]))
        vectorizer = CountVectorizer(analyzer="char_wb", ngram_range=(1, self.config.max_ngram), dtype="float64")
        # The names are sorted, so the n-grams of a fit stand in the same order whatever else was counted.
        self._logs_NV = _logs(vectorizer.fit_transform([*known, "-"])[: len(known)])  # "-": no empty vocabulary
        self.ngrams = vectorizer.get_feature_names_out()
        self._row_of = {text: row for row, text in enumerate(known)}

    def logs(self, texts: Sequence[str]) -> Any:
        """Returns logs_NV of the texts, sparse float64, in their order: 1 + log of each count."""
        self.prepare(texts)
        return self._logs_NV[[self._row_of[text] for text in texts]]

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
    ) -> "FittedLinear":
        """Fits TF-IDF weights, in which all rows count alike, and a multinomial logistic regression.

        Raises:
            FitFailed: The rows hold one label only, or no n-gram.
        """
        import numpy as np

        present = sorted(set(labels))
        if len(present) < 2:
            raise FitFailed("the draw holds fewer than two labels", {"labels": len(present)})
        logs_NV = self.logs(texts)
        df_V = np.bincount(logs_NV.indices, minlength=logs_NV.shape[1])
        columns_F = np.flatnonzero(df_V >= max(self.config.min_df * len(texts), 1))
        if not len(columns_F):
            raise FitFailed("the draw holds no characters to count")
        idf_F = np.log((1 + len(texts)) / (1 + df_V[columns_F])) + 1  # as if each n-gram were in one row more
        features_NF = _weighted(logs_NV[:, columns_F], idf_F)
        regression = logistic.fit_sparse(
            features_NF, labels, c=self.config.c, max_iterations=self.config.max_iterations, weights=weights
        )
        details = logistic.details(regression, max_iterations=self.config.max_iterations)
        return FittedLinear(self, columns_F, idf_F, regression, num_labels, details)


class FittedLinear:
    """One fitted logistic regression."""

    def __init__(
        self,
        student: LinearStudent,
        columns_F: Any,
        idf_F: Any,
        regression: Any,
        num_labels: int,
        details: Mapping[str, Any],
    ) -> None:
        self.details = details
        # Columns are positions among the n-grams counted now; a later `prepare` moves them.
        self._ngrams_F = student.ngrams[columns_F]
        self._student, self._columns_F, self._counted = student, columns_F, student.ngrams
        self._idf_F, self._regression, self._num_labels = idf_F, regression, num_labels

    def scores(self, texts: Sequence[str]) -> list[list[float]]:
        """Returns log-probabilities; `logistic.ABSENT` for labels that the draw did not hold, and never below it."""
        import numpy as np

        if not texts:
            return []
        logs_NV = self._student.logs(texts)
        if self._student.ngrams is not self._counted:
            self._counted = self._student.ngrams
            self._columns_F = np.searchsorted(self._counted, self._ngrams_F)
        features_NF = _weighted(logs_NV[:, self._columns_F], self._idf_F)
        return logistic.log_probabilities(self._regression, features_NF, num_labels=self._num_labels)

    def save(self, folder: Path) -> None:
        """Writes `linear.safetensors` (coefficients, intercepts, idf, label ids) and `linear.json`."""
        from safetensors.numpy import save_file

        tensors = {**logistic.tensors(self._regression), "idf": self._idf_F}
        save_file(tensors, folder / "linear.safetensors")
        settings = {"settings": asdict(self._student.config), "num_labels": self._num_labels}
        text = json.dumps({**settings, "ngrams": self._ngrams_F.tolist()}, ensure_ascii=False)
        (folder / "linear.json").write_text(text, "utf-8")


class LoadedLinear:
    """A logistic regression as `save` wrote it; unlike a fitted one it remembers no text.

    Args:
        folder: Holds `linear.safetensors` and `linear.json`.

    Raises:
        ValueError, OSError, KeyError: The files are not what `save` writes.
    """

    def __init__(self, folder: Path) -> None:
        from safetensors.numpy import load_file
        from sklearn.feature_extraction.text import CountVectorizer

        about = json.loads((folder / "linear.json").read_text("utf-8"))
        tensors = load_file(folder / "linear.safetensors")
        self.num_labels = int(about["num_labels"])
        longest = LinearConfig(**about["settings"]).max_ngram
        if len({ngram for ngram in about["ngrams"] if isinstance(ngram, str)}) != len(about["ngrams"]):
            raise ValueError("the ngrams of linear.json are no texts that differ")
        self._counting = CountVectorizer(
            analyzer="char_wb", ngram_range=(1, longest), vocabulary=about["ngrams"], dtype="float64"
        )
        self._idf_F = tensors["idf"]
        self._regression = logistic.of_tensors(tensors, num_labels=self.num_labels)
        if not self._idf_F.shape == (len(about["ngrams"]),) == tensors["coefficients"].shape[1:]:
            raise ValueError("linear.json and linear.safetensors do not belong together")
        if not (self._idf_F > 0).all():
            raise ValueError("an n-gram has no weight")

    def scores(self, texts: Sequence[str]) -> list[list[float]]:
        """Returns log-probabilities, the same as `FittedLinear`."""
        if not texts:
            return []
        features_NF = _weighted(_logs(self._counting.transform(texts)), self._idf_F)
        return logistic.log_probabilities(self._regression, features_NF, num_labels=self.num_labels)


def _logs(counts_NV: Any) -> Any:
    """Returns counts as 1 + their logarithm: a tenth time counts less than the first."""
    import numpy as np

    counts_NV.data = 1 + np.log(counts_NV.data)
    return counts_NV


def _weighted(logs_NF: Any, idf_F: Any) -> Any:
    """Returns TF-IDF weights, rows of length 1, in the place of what was given; a row without n-grams stays empty."""
    import numpy as np

    row = np.repeat(np.arange(logs_NF.shape[0]), np.diff(logs_NF.indptr))
    weights = logs_NF.data * idf_F[logs_NF.indices]
    logs_NF.data = weights / np.sqrt(np.bincount(row, weights**2))[row]
    return logs_NF
