"""The lora student: a chat model, instruction-tuned with LoRA to answer the classification prompt with the label.

Here: its settings, and a student that loads its base once and trains many runs over it. Not here: training
(`packed.py`), scoring and saving (`tuned.py`), rows (`instruct.py`). torch is imported when the first fit starts.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sdc.cache.key import identity
from sdc.cache.store import Store
from sdc.errors import UsageError
from sdc.pipelines import prompts
from sdc.pipelines.engines import models
from sdc.pipelines.engines.models import Model
from sdc.pipelines.students.protocol import (
    Answers,
    Finished,
    FitFailed,
    Job,
    Seeds,
    Student,
    StudentConfig,
    check_length,
)
from sdc.pipelines.tasks import Task

if TYPE_CHECKING:
    from sdc.pipelines.students.lora.instruct import Instructions
    from sdc.pipelines.students.lora.passes import Passes
    from sdc.pipelines.students.lora.tuned import FittedAdapter, TunedEngine

DECODINGS = ("scores", "generate")
OPTIMIZERS = ("adamw", "paged_adamw_8bit")
QUANTIZATIONS = ("4bit",)


@dataclass(frozen=True, kw_only=True)
class LoraConfig(StudentConfig):
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

    def build(self, store: Store, task: Task) -> "LoraStudent":
        """Returns the student of a task."""
        return LoraStudent(self, models.resolve(store, self.model), task)

    def load(self, folder: Path, *, name: str, student: Callable[[], Student]) -> Answers:
        """Returns the answers of what `save` wrote."""
        made = student()
        assert isinstance(made, LoraStudent)
        fitted = made.load(folder)

        def answers(texts: Sequence[str]) -> list[dict[str, Any]]:
            try:
                return fitted.answers(texts)
            except FitFailed as failure:
                return [{"reason": failure.reason} for _ in texts]
            finally:
                fitted.forget()

        return answers


class LoraStudent:
    """Trains adapters over one base, many at once."""

    method, seeded, uses_gpu = LoraConfig.method, LoraConfig.seeded, LoraConfig.uses_gpu

    def __init__(self, config: LoraConfig, model: Model, task: Task) -> None:
        self.config, self.model, self.decoding = config, model.name, config.decoding
        self._source, self._task = model, task
        self._engine: TunedEngine | None = None
        self._instructions: Instructions | None = None

    def identity(self) -> dict[str, Any]:
        """Returns the settings that are not at their default, the model, and the words that it is asked with."""
        return {
            **identity(self.config),
            "model": self._source.identity(),
            "definition": self._task.identity(),
            "prompt": prompts.digest("classify"),
        }

    def prepare(self, texts: Sequence[str]) -> None:
        """Loads the base, and tokenises the prompts of all texts.

        Raises:
            UsageError: The length that was asked for is more than the base can take.
        """
        engine, instructions = self._loaded()
        check_length(self.config.max_length, engine.context_tokens, usual=LoraConfig.max_length, model=self.model)
        for text in dict.fromkeys(texts):
            instructions.prompt(text)

    def fit(self, texts: Sequence[str], labels: Sequence[int], *, num_labels: int, seeds: Seeds) -> "FittedAdapter":
        """Trains one adapter on these rows; the same as `fit_many` with one job."""
        (finished,) = self.fit_many([Job(texts=texts, labels=labels, seeds=seeds)], num_labels=num_labels)
        if isinstance(finished.result, FitFailed):
            raise finished.result
        return finished.result  # type: ignore[return-value]

    def fit_many(
        self,
        jobs: Sequence[Job],
        *,
        num_labels: int,
        progress: Callable[[int, int], None] = lambda done, total: None,
        wanted: Sequence[int] | None = None,
    ) -> Iterator[Finished]:
        """Yields a trained adapter for every job that is wanted, a pack as it ends.

        Raises:
            EngineError: The model cannot be loaded, or there is no memory for a single run.
        """
        from sdc.pipelines.students.lora.pack import Pack
        from sdc.pipelines.students.lora.run import PackedRun
        from sdc.pipelines.students.lora.tuned import FittedAdapter

        engine, instructions = self._loaded()
        runs: list[PackedRun] = []
        for number in range(len(jobs)) if wanted is None else wanted:
            job = jobs[number]
            if len(set(job.labels)) < 2:
                failure = FitFailed("the draw holds fewer than two labels", {"labels": len(set(job.labels))})
                yield Finished(job=number, result=failure, seconds=0.0)
                continue
            rows = [instructions.row(text, label) for text, label in zip(job.texts, job.labels, strict=True)]
            seeds = {"init_seed": job.seeds.init, "order_seed": job.seeds.order}
            runs.append(PackedRun(number, rows, job.labels, config=self.config, **seeds))
        if not runs:
            return
        passes = self._passes(engine)
        pack = Pack(passes, self.config, size=self._pack_size(passes, instructions, jobs))
        for ended in pack.train(runs, progress):
            for number, (run, values) in enumerate(ended, start=1):
                result: FittedAdapter | FitFailed
                if isinstance(values, FitFailed):
                    result = values
                else:
                    about = {"device": engine.device, "parameters": engine.adapters.num_parameters, "pack": len(ended)}
                    about |= {"label_tokens": instructions.label_tokens}
                    result = FittedAdapter(
                        engine, instructions, self.config,
                        labels=self._task.label_names, base=self._source, values_P=values,
                        details=run.details() | about,
                    )  # fmt: skip
                yield Finished(job=run.number, result=result, seconds=run.seconds, more=len(ended) - number)

    def _passes(self, engine: "TunedEngine") -> "Passes":
        from sdc.pipelines.students.lora.passes import Passes

        return Passes(
            engine.network,
            engine.adapters,
            dropout=self.config.dropout,
            checkpointing=self.config.checkpointing,
            pad_id=engine.pad_id,
            device=engine.device,
            model=self.model,
        )

    def _pack_size(self, passes: "Passes", instructions: "Instructions", jobs: Sequence[Job]) -> int:
        from sdc.pipelines.students.lora import size

        if self.config.pack is not None:
            return self.config.pack
        examples = dict.fromkeys(pair for job in jobs for pair in zip(job.texts, job.labels, strict=True))
        rows = (instructions.row(text, label) for text, label in examples)
        return size.choose(passes, rows, rows_per_run=self.config.batch_size)

    def load(self, folder: Path) -> "FittedAdapter":
        """Returns the adapter that `save` wrote into a folder, on the base of this student.

        Raises:
            EngineError: The base cannot be loaded, or the adapter is of another one.
        """
        from sdc.pipelines.students.lora.tuned import FittedAdapter, read_adapter

        engine, instructions = self._loaded()
        return FittedAdapter(
            engine, instructions, self.config, labels=self._task.label_names, base=self._source,
            values_P=read_adapter(folder, engine), details={},
        )  # fmt: skip

    def _loaded(self) -> "tuple[TunedEngine, Instructions]":
        from sdc.pipelines.students.lora.instruct import Instructions
        from sdc.pipelines.students.lora.tuned import TunedEngine

        if self._engine is None or self._instructions is None:
            self._engine = TunedEngine(self._source, self.config)
            self._instructions = Instructions(
                self._engine.tokenizer,
                self._engine.prompt_ids,
                self._task,
                limit=min(self.config.max_length, self._engine.context_tokens),
                model=self.model,
            )
        return self._engine, self._instructions
