"""The lora student on a GPU: bf16 base, memory that is measured, 4 bits. Run with `-m gpu` where there is one."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from sdc.cache.store import Store
from sdc.pipelines import tasks
from sdc.pipelines.engines import models
from sdc.pipelines.students.lora import LoraConfig, LoraStudent
from sdc.pipelines.students.protocol import FitJob, Seeds

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
]
QUICK = LoraConfig(steps=30, learning_rate=5e-3, early_stopping=False)
TEXTS = [f"{word} number {i}" for i in range(8) for word in ("goat", "rain")]


def _results(folder: Path, config: LoraConfig, num_runs: int = 4) -> dict[int, Any]:
    model = models.resolve(Store(folder / "store.duckdb"), models.STUDENT)
    student = LoraStudent(config, model, tasks.load("sentiment"))
    jobs = [FitJob(texts=TEXTS, labels=[0, 1] * 8, seeds=Seeds(init=i, order=i)) for i in range(num_runs)]
    return {done.job: done.result for done in student.fit_many(jobs, num_labels=2)}


@pytest.mark.parametrize("checkpointing", [False, True])
def test_packed_and_alone_agree_in_bf16(tmp_path: Path, checkpointing: bool) -> None:
    config = replace(QUICK, checkpointing=checkpointing)
    packed, alone = _results(tmp_path, config), _results(tmp_path, replace(config, pack=1))
    assert packed[0].details["pack"] == 4  # as many as fit into memory
    for number, result in packed.items():
        assert result.details["device"] == "cuda"
        assert result.details["loss"] < result.details["first_loss"]
        assert result.details["loss"] == pytest.approx(alone[number].details["loss"], rel=0.05, abs=0.02)


def test_the_same_seeds_give_the_same_numbers_twice(tmp_path: Path) -> None:
    first, second = _results(tmp_path, QUICK), _results(tmp_path, QUICK)
    for number, result in first.items():
        assert result.scores(TEXTS) == second[number].scores(TEXTS)


@pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")
@pytest.mark.parametrize("settings", [{"quantize": "4bit"}, {"optimizer": "paged_adamw_8bit"}])
def test_few_bits_learn_too(tmp_path: Path, settings: dict[str, Any]) -> None:
    for result in _results(tmp_path, replace(QUICK, **settings)).values():
        assert result.details["loss"] < result.details["first_loss"]
        folder = tmp_path / "adapter"
        folder.mkdir(exist_ok=True)
        result.save(folder)
