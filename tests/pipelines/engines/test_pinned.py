"""A hub model is one commit, found before anything is planned: the same key before and after its download."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_hub import FakeHub, serving

from sdc.cache.store import Store
from sdc.errors import EngineError
from sdc.pipelines.engines import models, pinned
from sdc.pipelines.engines.models import POCKET

FIRST, SECOND = "a" * 40, "b" * 40


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of `owner/name` in a cache of models that is empty."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub" / "models--owner--name"


def kept(cache: Path, *, commit: str = FIRST, ref: str = "main") -> None:
    """Puts the student into the cache as the hub's library does."""
    (cache / "refs").mkdir(parents=True, exist_ok=True)
    (cache / "refs" / ref).write_text(commit)
    blobs, snapshot = cache / "blobs", cache / "snapshots" / commit
    blobs.mkdir(exist_ok=True)
    snapshot.mkdir(parents=True, exist_ok=True)
    for file in (POCKET / "student").iterdir():
        shutil.copy(file, blobs / file.name)
        (snapshot / file.name).unlink(missing_ok=True)
        (snapshot / file.name).symlink_to(Path("../../blobs") / file.name)


def identity(store: Store, name: str) -> Any:
    return models.resolve(store, name).identity()


def test_the_same_commit_is_one_model_and_another_one_another(store: Store, cache: Path) -> None:
    kept(cache)
    kept(cache, ref="v1")
    kept(cache, commit=SECOND, ref="v2")
    names = ["owner/name", "owner/name@main", "owner/name@v1", f"owner/name@{FIRST}", f"owner/name@{FIRST.upper()}",
             "owner/name@aaaaaaaa"]  # fmt: skip
    for name in names:
        assert identity(store, name) == {"model": "owner/name", "revision": FIRST}
    for name in ("owner/name@v2", f"owner/name@{SECOND}", "owner/name@bbbbbbb"):
        assert identity(store, name) == {"model": "owner/name", "revision": SECOND}


@pytest.mark.parametrize("name", ["owner/name", "owner/name@v1", "owner/name@../../x", "owner/name@aaaaaaaa"])
def test_without_a_network_and_a_copy_one_line_says_how_to_get_it(store: Store, cache: Path, name: str) -> None:
    with pytest.raises(EngineError, match=r"its commit is unknown: .*hf download owner/name") as caught:
        models.resolve(store, name)
    assert "\n" not in str(caught.value)


def test_a_lone_config_says_nothing_of_the_chat_template_which_is_fetched(
    store: Store, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(cache)
    fetched: list[tuple[str, str]] = []
    monkeypatch.setattr(pinned, "_fetch", lambda hub_id, commit, files: fetched.append((hub_id, commit)))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    models.resolve(store, "owner/name")
    assert not fetched
    for file in (cache / "snapshots" / FIRST).iterdir():
        if file.name != "config.json":  # as `AutoConfig` leaves it
            file.unlink()
    models.resolve(store, "owner/name")
    assert fetched == [("owner/name", FIRST)]


@pytest.mark.parametrize(
    "variables",
    [{"HF_HUB_CACHE": "{}"}, {"HUGGINGFACE_HUB_CACHE": "{}"}, {"HF_HOME": "{}/.."}, {"XDG_CACHE_HOME": "{}/../.."}],
)
def test_the_cache_is_where_the_library_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    place = tmp_path / "huggingface" / "hub"
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(place))
    assert Path(os.path.normpath(pinned.cache_folder())) == place


# -- with a hub ---------------------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[FakeHub]:
    """A hub whose `main` is the student; of the second commit, its weights are another's."""
    moved = Path(shutil.copytree(POCKET / "student", tmp_path / "moved"))
    about = json.loads((moved / "generation_config.json").read_text("utf-8"))
    (moved / "generation_config.json").write_text(json.dumps({**about, "top_p": 0.5}), "utf-8")
    with serving(FakeHub(commits={"main": FIRST}, folders={FIRST: POCKET / "student", SECOND: moved})) as made:
        yield made


def test_a_key_is_the_same_before_and_after_the_download_and_when_the_hub_moves_on(
    hub: FakeHub, run_sdc: Any, invoke: Any, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    env = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "1"}
    for split, rows in (("train", 14), ("test", 4)):
        lines = [f"{i}, {text} number {i}\t{label}" for i in range(rows // 2)
                 for label, text in (("travel", "a train"), ("sports", "a match"))]  # fmt: skip
        (tmp_path / f"{split}.tsv").write_text("\n".join(["text\tlabel", *lines]) + "\n", "utf-8")
        file = str(tmp_path / f"{split}.tsv")
        added = invoke("data", "add", file, "--lang", "en", "--task", "topic", "--split", split)
        assert added.exit_code == 0, added.stderr

    def icl(model: str, *flags: str, **more: str) -> Any:
        arguments = ("--lang", "en", "--task", "topic", "--shots", "0", "--model", model)
        return run_sdc("icl", *arguments, *flags, env={**env, **more})

    def key(model: str, **more: str) -> str:
        done = icl(model, **more)
        assert done.returncode == 0, done.stderr
        return str(done.stdout.strip())

    def plan(model: str) -> str:
        return str(json.loads(icl(model, "--dry-run", "--json").stdout)["key"])

    offline = icl("owner/name", HF_HUB_OFFLINE="1")
    assert (offline.returncode, offline.stdout, offline.stderr.count("\n")) == (4, "", 1)
    assert "hf download owner/name" in offline.stderr
    planned = plan("owner/name")
    assert not list(home.rglob("*.safetensors"))
    hub.commits["main"] = SECOND  # after the plan, and before the download
    first = key("owner/name")
    assert first == planned
    snapshots = home / "hub" / "models--owner--name" / "snapshots"
    assert [path.name for path in snapshots.iterdir()] == [FIRST]
    num_asked = len(hub.asked)
    assert {key("owner/name"), key("owner/name@main"), key(f"owner/name@{FIRST}")} == {first}
    assert key("owner/name", HF_HUB_OFFLINE="1") == first
    assert not [path for path in hub.asked[num_asked:] if "owner/name" in path]
    shutil.rmtree(home)  # another machine, later
    second = plan("owner/name")
    assert second != first
    assert plan(f"owner/name@{SECOND}") == second
    assert key(f"owner/name@{FIRST}") == first
