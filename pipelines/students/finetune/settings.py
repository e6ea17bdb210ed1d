"""How a transformer is fine-tuned: the settings, and what is no setting at all."""

from dataclasses import dataclass, field
from typing import ClassVar

from sdc.errors import UsageError
from sdc.pipelines.engines import models
from sdc.pipelines.students import schedule
from sdc.pipelines.students.protocol import StudentConfig

PRECISIONS = ("auto", "bf16", "fp32")


@dataclass(frozen=True, kw_only=True)
class FinetuneSettings(StudentConfig):
    """How a transformer is fine-tuned.

    Args:
        model: Alias, hub id or folder.
        epochs: Most passes over the training rows, at least 1.
        learning_rate: Peak rate of AdamW, in (0, 1].
        warmup: Share of the steps with a rising rate, in [0, 1); it falls linearly to 0 afterwards.
        weight_decay: Of the matrices, in [0, 1].
        dropout: On what the classification head sees, in [0, 1).
        batch_size: Rows per step; None takes the table `batch_sizes`.
        batch_sizes: `paper` or `code`: rows per step by the size of the draw.
        max_length: Tokens that a text is cut to, at least 2. The default gives way to the model's own
            limit; another value above that is refused.
        early_stopping: Hold a part of the draw out, stop when it gets no better, go back to the best weights. Without
            effect on draws that cannot spare a row per label.
        dev_fraction: Share of each label that is held out, in (0, 0.5].
        patience: Epochs without a lower held-out loss before it stops, at least 1.
        precision: Of matrix products: `bf16`, `fp32`, or `auto`: bf16 where the machine is fast in it. As part of how
            a machine works `auto` is in no key; who asks for one of the two gets a key of its own.
        keep_head: Start from the classification head that the model brings, which must have the task's labels in their
            order. Without, the head is always new, and the seed decides it.
    """

    method: ClassVar[str] = "finetune"
    library: ClassVar[str] = "transformers"

    model: str = field(default=models.STUDENT, metadata={"key": False})  # its identity is in the key instead
    epochs: int = 50
    learning_rate: float = 1e-5
    warmup: float = 0.1
    weight_decay: float = field(default=0.01, metadata={"flag": False})
    dropout: float = 0.3
    batch_size: int | None = None
    batch_sizes: str = field(default="paper", metadata={"flag": False})
    max_length: int = 256
    early_stopping: bool = True
    dev_fraction: float = field(default=0.1, metadata={"flag": False})
    patience: int = 5
    precision: str = "auto"
    keep_head: bool = False

    def __post_init__(self) -> None:
        for name, good, rule in (
            ("epochs", self.epochs >= 1, "at least 1"),
            ("learning_rate", 0 < self.learning_rate <= 1, "in (0, 1]"),
            ("warmup", 0 <= self.warmup < 1, "in [0, 1)"),
            ("weight_decay", 0 <= self.weight_decay <= 1, "in [0, 1]"),
            ("dropout", 0 <= self.dropout < 1, "in [0, 1)"),
            ("batch_size", self.batch_size is None or self.batch_size >= 1, "at least 1"),
            ("max_length", self.max_length >= 2, "at least 2"),
            ("dev_fraction", 0 < self.dev_fraction <= 0.5, "in (0, 0.5]"),
            ("patience", self.patience >= 1, "at least 1"),
            ("precision", self.precision in PRECISIONS, " or ".join(PRECISIONS)),
        ):
            if not good:
                raise UsageError(
                    f"{name} is {getattr(self, name)}", f"--{name.replace('_', '-')}", f"it must be {rule}"
                )
        schedule.batch_size(self.batch_sizes, 1)

    def rows_per_step(self, num_rows: int) -> int:
        """Returns the batch size for a draw of `num_rows` rows."""
        return self.batch_size or schedule.batch_size(self.batch_sizes, num_rows)
