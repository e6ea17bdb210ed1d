"""Python's functions take what the commands take: a new flag is a parameter, or an exception with its reason here."""

import inspect
from dataclasses import fields
from typing import Any

import pytest
import typer

import sdc
from sdc.cli.main import application
from sdc.pipelines.data.config import DataConfig
from sdc.pipelines.eval import EvalConfig
from sdc.pipelines.export import ExportConfig
from sdc.pipelines.gen.config import GenConfig
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.report import ReportConfig
from sdc.pipelines.sample.config import SampleConfig
from sdc.pipelines.students import STUDENTS

#: Of every command: what `sdc.open` takes by another name, and what says how a command tells of its work.
EVERYWHERE = {"store", "as_json", "verbose", "engine_arg"}
#: Methods of their own, for they return something else than outcomes.
LOOKING = {"dry_run", "preview"}
#: Drawing and files, where Python has a frame or texts.
DRAWN = {"output", "out", "wide", "csv_safe", "follow", "audit"}
EXCEPT = {
    "add": {"paper"} | {"delimiter", "encoding", "header", "quoting", "records"},  # by the file's own words
    "gen": LOOKING | {"reply_tokens"},  # max_tokens
    "judge": LOOKING | {"gates_only", "review_import", "review_sheet", "reviewer", "sample_size"},  # people
    "sample": {"dry_run"},
    "train": {"dry_run"},
    "icl": LOOKING | {"reply_tokens"},
    "eval": {"dry_run"},
    "report": DRAWN | {"experiment", "method", "model", "reference", "size", "source", "strategy"},  # a frame filters
    "predict": DRAWN & {"output", "csv_safe"} | {"file", "input_format", "text_column", "batch_rows"},  # texts
    "export": {"dry_run", "public", "to"},  # `push` sends examples; a folder is sent by the command
    "push": set[str](),
}
CONFIGS: dict[str, tuple[type, ...]] = {
    "add": (DataConfig,), "gen": (GenConfig,), "judge": (JudgeConfig,), "sample": (SampleConfig,),
    "train": tuple(STUDENTS.values()), "icl": (IclConfig,), "eval": (EvalConfig,), "report": (ReportConfig,),
    "export": (ExportConfig,),
}  # fmt: skip


@pytest.mark.parametrize("method", EXCEPT)
def test_a_method_takes_what_its_command_takes(method: str) -> None:
    program: Any = typer.main.get_command(application())
    data = program.commands["data"].commands
    command = data[method] if method in ("add", "push") else program.commands[method]
    flags = {parameter.name for parameter in command.params}
    named = set(inspect.signature(getattr(sdc.OpenStore, method)).parameters)
    named |= set(inspect.signature(sdc.open).parameters)
    named |= {field.name for config in CONFIGS.get(method, ()) for field in fields(config)}
    assert flags - named - EVERYWHERE == EXCEPT[method] & flags
    assert EXCEPT[method] <= flags, "an exception that is none"
