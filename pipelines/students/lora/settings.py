"""How a language model is instruction-tuned: the settings, and what is no setting at all."""

from dataclasses import dataclass, field
from typing import ClassVar

from sdc.errors import UsageError
from sdc.pipelines.engines import models
from sdc.pipelines.students.protocol import StudentConfig

DECODINGS = ("scores", "generate")
OPTIMIZERS = ("adamw", "paged_adamw_8bit")
QUANTIZATIONS = ("4bit",)


@dataclass(frozen=True, kw_only=True)
class LoraSettings(StudentConfig):
    """How a language model is instruction-tuned.

    Args:
        model: Alias, hub id or folder, with `+FOLDER` for one that has an adapter already.
        rank: Of the adapters, at least 1.
        alpha: The adapters' output is multiplied with alpha / rank; at least 1.
        dropout: On what the adapters see, in [0, 1).
        targets: Last parts of the names of the layers that get adapters.
        steps: Most training steps, at least 1, at every size of the draw.
        learning_rate: Peak rate, in (0, 1].
        warmup_steps: Steps with a rising rate, at least 0; it falls linearly to 0 afterwards.
        weight_decay: In [0, 1].
        batch_size: Rows per step, at least 1.
        optimizer: `adamw`, or `paged_adamw_8bit` as the released script (needs bitsandbytes and a GPU).
        max_length: Tokens of prompt and answer that a longer text is cut to, at least 32. The default gives way to
            the model's own limit; another value above that is refused.
        early_stopping: Hold a part of the draw out, stop when it gets no better, go back to the best adapter. Without
            effect on draws that cannot spare a row per label.
        dev_fraction: Share of each label that is held out, in (0, 0.5].
        eval_steps: Steps between two measurements of the held-out rows, at least 1.
        patience: Measurements without a lower held-out loss before it stops, at least 1.
        decoding: What is kept of test rows: `scores` (likelihood of each label) or `generate` (greedy, 20 tokens).
        quantize: `4bit` loads the base in 4 bits (QLoRA); None as it is.
        pack: The most runs that train at once; None: on a GPU as many as fit, on a CPU 1. It changes results by no
            more than rounding.
        checkpointing: Compute activations again in the backward pass, for less memory. It changes no result.
    """

    method: ClassVar[str] = "lora"
    library: ClassVar[str] = "peft"
    can_calibrate: ClassVar[bool] = False  # its runs are fitted together, and folds would have to be, too
    together: ClassVar[int] = 8
    needs_base: ClassVar[bool] = True
    no_onnx: ClassVar[str | None] = "an adapter alone is no network"

    model: str = field(default=models.STUDENT, metadata={"key": False})  # its identity is in the key instead
    rank: int = 16
    alpha: int = 16
    dropout: float = 0.05
    targets: tuple[str, ...] = field(default=("k_proj", "v_proj", "down_proj"), metadata={"flag": False})
    steps: int = 600
    learning_rate: float = 3e-5
    warmup_steps: int = 10
    weight_decay: float = field(default=0.0, metadata={"flag": False})
    batch_size: int = 4
    optimizer: str = "adamw"
    max_length: int = 1024
    early_stopping: bool = True
    dev_fraction: float = field(default=0.1, metadata={"flag": False})
    eval_steps: int = 50
    patience: int = 3
    decoding: str = "scores"
    quantize: str | None = None
    pack: int | None = field(default=None, metadata={"key": False, "flag": False})
    checkpointing: bool = field(default=False, metadata={"key": False, "flag": False})

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", tuple(self.targets))  # TOML has lists only
        for name, good, rule in (
            ("rank", self.rank >= 1, "at least 1"),
            ("alpha", self.alpha >= 1, "at least 1"),
            ("dropout", 0 <= self.dropout < 1, "in [0, 1)"),
            ("targets", bool(self.targets), "at least one layer name"),
            ("steps", self.steps >= 1, "at least 1"),
            ("learning_rate", 0 < self.learning_rate <= 1, "in (0, 1]"),
            ("warmup_steps", self.warmup_steps >= 0, "at least 0"),
            ("weight_decay", 0 <= self.weight_decay <= 1, "in [0, 1]"),
            ("batch_size", self.batch_size >= 1, "at least 1"),
            ("optimizer", self.optimizer in OPTIMIZERS, " or ".join(OPTIMIZERS)),
            ("max_length", self.max_length >= 32, "at least 32"),
            ("dev_fraction", 0 < self.dev_fraction <= 0.5, "in (0, 0.5]"),
            ("eval_steps", self.eval_steps >= 1, "at least 1"),
            ("patience", self.patience >= 1, "at least 1"),
            ("decoding", self.decoding in DECODINGS, " or ".join(DECODINGS)),
            ("quantize", self.quantize in (None, *QUANTIZATIONS), " or ".join(QUANTIZATIONS)),
            ("pack", self.pack is None or self.pack >= 1, "at least 1"),
        ):
            if not good:
                raise UsageError(
                    f"{name} is {getattr(self, name)}", f"--{name.replace('_', '-')}", f"it must be {rule}"
                )
