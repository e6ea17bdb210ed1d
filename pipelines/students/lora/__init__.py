"""The lora student: a chat model, instruction-tuned with LoRA to answer the classification prompt with the label.

Here: its settings, and a student that loads its base once and trains many runs over it. Not here: training
(`packed.py`), scoring and saving (`tuned.py`), rows (`instruct.py`). torch is imported when the first fit starts.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdc.cache.key import identity
from sdc.pipelines import prompts
from sdc.pipelines.engines.models import Model
from sdc.pipelines.stage import Context
from sdc.pipelines.students import schedule
from sdc.pipelines.students.lora.settings import LoraSettings
from sdc.pipelines.students.protocol import (
    Answers,
    Count,
    Finished,
    FitCurve,
    FitFailed,
    FitJob,
    Seeds,
    Student,
    check_length,
    uncounted,
    undrawn,
)
from sdc.pipelines.tasks import Task

if TYPE_CHECKING:
    from sdc.pipelines.students.lora.instruct import Instructions
    from sdc.pipelines.students.lora.passes import Passes
    from sdc.pipelines.students.lora.tuned import FittedAdapter, TunedEngine


_USAGE = """\
```python
from peft import PeftModel
from transformers import AutoModelForCausalLM

model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("BASE"), "FOLDER")
```

vLLM: `vllm serve BASE --enable-lora --lora-modules classifier=FOLDER`."""


@dataclass(frozen=True, kw_only=True)
class LoraConfig(LoraSettings):
    """What the program does with these settings."""

    def build(self, context: Context, task: Task) -> "LoraStudent":
        """Returns the student of a task."""
        return LoraStudent(self, context.model(self.model), task)

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

    def usage(self, model: str) -> str:
        """Returns how peft and vLLM read the folder."""
        what = f"The adapter belongs to {model} and answers sdc's classification prompt with the name of the label."
        return f"{what}\n\n{_USAGE}"


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

    def prepare(self, texts: Sequence[str], *, progress: Count = uncounted) -> None:
        """Loads the base, and tokenises the prompts of all texts.

        Raises:
            UsageError: The length that was asked for is more than the base can take.
        """
        engine, instructions = self._loaded()
        check_length(self.config.max_length, engine.context_tokens, usual=LoraConfig.max_length, model=self.model)
        for text in dict.fromkeys(texts):
            instructions.prompt(text)

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
    ) -> "FittedAdapter":
        """Trains one adapter on these rows; the same as `fit_many` with one job."""
        job = FitJob(texts=texts, labels=labels, seeds=seeds, weights=weights)
        (finished,) = self.fit_many([job], num_labels=num_labels, progress=progress, curve=lambda _: curve)
        if isinstance(finished.result, FitFailed):
            raise finished.result
        return finished.result  # type: ignore[return-value]

    def fit_many(
        self,
        jobs: Sequence[FitJob],
        *,
        num_labels: int,
        progress: Callable[[int, int], None] = lambda done, total: None,
        wanted: Sequence[int] | None = None,
        curve: Callable[[int], FitCurve] = lambda job: undrawn,
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
            if job.weights is not None:
                counts = schedule.of_mean_one(job.weights)
                rows = [replace(row, weight=weight) for row, weight in zip(rows, counts, strict=True)]
            seeds = {"init_seed": job.seeds.init, "order_seed": job.seeds.order}
            runs.append(PackedRun(number, rows, job.labels, config=self.config, curve=curve(number), **seeds))
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

    def _pack_size(self, passes: "Passes", instructions: "Instructions", jobs: Sequence[FitJob]) -> int:
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
