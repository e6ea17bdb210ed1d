"""export: an adapter as vLLM loads it."""

from pathlib import Path

import pytest
import trained
from pocket_calls import NEEDS_VLLM, NOISE, in_vllm, pocket
from scripted import answers

from sdc.pipelines import export, prompts
from sdc.pipelines.engines import load
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.engines.protocol import Call
from sdc.pipelines.export import ExportConfig
from sdc.pipelines.students import LoraConfig

pytestmark = NEEDS_VLLM


def test_an_exported_adapter_says_in_vllm_what_the_run_said(tmp_path: Path) -> None:
    student = LoraConfig(model="pocket-student", steps=10, learning_rate=1e-2, early_stopping=False)
    run = trained.make(tmp_path / "world", student, keep_weights=True)
    out = tmp_path / "out"
    export.run(run.world.context, ExportConfig(out=out), run.run)
    task = run.run.cell.task
    calls = [Call(prompt=prompts.classify(task, text=text), choices=task.label_names) for text, _, _ in run.stored()]
    with in_vllm(pocket("student", adapter=out)) as engine:
        said = [reply.scores for reply in answers(engine, calls)]
    base = [reply.scores for reply in answers(load("transformers", pocket("student"), EngineOptions()), calls)]
    for (_, stored, _), scores, untrained in zip(run.stored(), said, base, strict=True):
        assert scores == pytest.approx(stored, abs=10 * NOISE)
        assert scores != pytest.approx(untrained, abs=100 * NOISE)
