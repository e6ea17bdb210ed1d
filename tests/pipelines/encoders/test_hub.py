"""An encoder of the hub: what its files say is known before its weights are fetched, and is the same afterwards."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_hub import FakeHub, serving

COMMIT = "1" * 40


@pytest.fixture
def train(run_sdc: Any, invoke: Any, tmp_path: Path) -> Callable[..., str]:
    """`sdc train --method probe --model owner/name` on a few rows, with an empty cache of models in `home`."""
    for split, words in (("train", ("good", "fine", "sun")), ("test", ("music", "film"))):
        lines = [f"very {label} {word}\t{label}" for word in words for label in ("travel", "sports")]
        (tmp_path / f"{split}.tsv").write_text("\n".join(["text\tlabel", *lines]) + "\n", "utf-8")
        file = str(tmp_path / f"{split}.tsv")
        added = invoke("data", "add", file, "--lang", "en", "--task", "topic", "--split", split)
        assert added.exit_code == 0, added.stderr
    drawn = invoke("sample", "--lang", "en", "--task", "topic", "--source", "human", "--strategy", "random")
    assert drawn.exit_code == 0, drawn.stderr

    def run(hub: FakeHub, *flags: str, offline: str = "0") -> str:
        env = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": offline}
        chosen = ("--method", "probe", "--model", "owner/name", "--repeats", "1", "--sizes", "all")
        done = run_sdc("train", "--lang", "en", "--task", "topic", *chosen, *flags, env=env)
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    return run


def test_a_probe_is_planned_from_small_files_and_a_hit_without_a_network(
    bert: Path, train: Callable[..., str], tmp_path: Path
) -> None:
    folder, home = tmp_path / "served", tmp_path / "home"
    shutil.copytree(bert, folder)
    (folder / "1_Pooling").mkdir()
    for name, about in (
        ("modules.json", [{"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True}),
        ("config_sentence_transformers.json", {"prompts": {"query": "the "}}),
    ):
        (folder / name).write_text(json.dumps(about), "utf-8")
    with serving(FakeHub(commits={"main": COMMIT}, folders={COMMIT: folder})) as hub:
        planned = json.loads(train(hub, "--dry-run", "--json"))
        assert not list(home.rglob("*.safetensors"))
        key = train(hub).strip()
    assert list(home.rglob("*.safetensors"))
    assert planned["key"] == key
    assert train(hub, offline="1").strip() == key
    again = train(hub, "--dry-run", "--json", "--pooling", "cls", "--prefix", "the ", offline="1")
    assert json.loads(again)["cached"] is True


def test_the_hub_is_asked_once_for_files_that_an_encoder_does_not_have(bert: Path, train: Callable[..., str]) -> None:
    with serving(FakeHub(commits={"main": COMMIT}, folders={COMMIT: bert})) as hub:
        first = train(hub, "--dry-run", "--json")
        assert [path for path in hub.asked if path.endswith(("/modules.json", "_transformers.json"))]
        num_asked = len(hub.asked)
        assert train(hub, "--dry-run", "--json") == first
        assert not [path for path in hub.asked[num_asked:] if path.endswith(("/modules.json", "_transformers.json"))]
