"""The folder of a hub model: taken from this machine where it is whole, asked for once where it is not."""

import logging
import shutil
from pathlib import Path

import huggingface_hub
import pytest

from sdc.errors import EngineError
from sdc.pipelines.engines import hub
from sdc.pipelines.engines.models import POCKET, Model
from sdc.pipelines.progress import NOTE, log

MODEL = Model(name="tiny", source="someone/tiny", revision="a" * 40)


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The student as the hub's cache would hold it."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    place = tmp_path / "models--someone--tiny" / "snapshots" / ("a" * 40)
    shutil.copytree(POCKET / "student", place)
    return place


def _no_network(self: object, repo_id: str, **options: object) -> None:
    raise OSError("no network")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", _no_network)


@pytest.mark.parametrize("least, level", [(10, NOTE), (11, logging.INFO)])
def test_a_model_that_is_slow_to_load_is_named_once_to_everybody(
    least: int, level: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[int] = []
    monkeypatch.setattr(hub, "SLOW_BYTES", least)
    monkeypatch.setattr(log, "log", lambda level, *words: said.append(level))
    (tmp_path / "model.safetensors").write_bytes(b"0123456789")
    for _ in range(2):
        hub.say_loading("tiny", tmp_path)
    assert said == [level]


def test_a_model_in_the_cache_needs_no_network(snapshot: Path) -> None:
    assert Path(hub.folder(MODEL)) == snapshot


@pytest.mark.parametrize("lost", ["config.json", "model.safetensors"])
def test_half_a_download_asks_the_hub_again(snapshot: Path, lost: str) -> None:
    (snapshot / lost).unlink()
    with pytest.raises(EngineError, match=r"cannot load the model \(no network\).*hf download someone/tiny"):
        hub.folder(MODEL)


def test_a_lost_shard_asks_the_hub_again(snapshot: Path) -> None:
    index = '{"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}'
    (snapshot / "model.safetensors.index.json").write_text(index, "utf-8")
    with pytest.raises(EngineError, match="no network"):
        hub.folder(MODEL)


def test_a_folder_is_its_own_place(tmp_path: Path) -> None:
    model = Model(name="x", source=str(tmp_path), digest="d")
    with pytest.raises(EngineError, match=r"cannot load the model \(config\.json is missing\)"):
        hub.folder(model)
    (tmp_path / "config.json").write_text("{}", "utf-8")
    assert hub.folder(model) == str(tmp_path)
