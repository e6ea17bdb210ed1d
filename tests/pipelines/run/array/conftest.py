"""A plan that is written and can be submitted, with stand-ins for SLURM's commands."""

import shutil
from pathlib import Path

import pytest
from array_place import Submitting
from slurm_commands import SlurmCommands

from sdc.pipelines.run.array import submitting


@pytest.fixture(scope="session")
def _rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plan that is written: it takes longer to make than most tests."""
    path = tmp_path_factory.mktemp("rendered") / "there"
    path.mkdir()
    assert submitting.render(Submitting(path, SlurmCommands(path / "bin")).array()) is not None
    return path


@pytest.fixture
def place(tmp_path: Path, _rendered: Path, in_process: None, monkeypatch: pytest.MonkeyPatch) -> Submitting:
    shutil.copytree(_rendered, tmp_path, dirs_exist_ok=True)
    commands = SlurmCommands(tmp_path / "bin")
    monkeypatch.setenv("PATH", commands.path)
    monkeypatch.setattr(submitting, "_ASK_FIRST_S", 0.01)
    return Submitting(tmp_path, commands)
