"""`sdc export --push`: the folder as a repository of a hub, private by default, and no word of the token anywhere."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import program
import pytest
import trained
import yaml
from fake_hub import FakeHub, serving
from huggingface_hub import constants
from trained import Trained

from sdc.pipelines.students import LinearConfig

REPO = "some-org/te-topic"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained.make(tmp_path_factory.mktemp("linear"), LinearConfig(), keep_weights=True)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, run: Trained) -> Iterator[FakeHub]:
    with serving(FakeHub()) as served:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # a storage of its own: not ours to test
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        monkeypatch.setenv("HF_TOKEN", served.token)
        monkeypatch.setenv("SDC_STORE", str(run.world.store.path))
        yield served


def _export(run: Trained, out: Path, *flags: str) -> Any:
    return program.sdc(["export", "--run", run.run.short, "--out", str(out), *flags])


def test_the_folder_is_pushed_whole_and_private(run: Trained, hub: FakeHub, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = _export(run, out, "--push", REPO, "--json")
    assert made.exit_code == 0, made.stderr
    repo = hub.pushed[REPO]
    assert (repo.kind, repo.private, repo.messages) == ("model", True, [f"sdc export of run {run.run.short}"])
    assert repo.files == {path.name: path.read_bytes() for path in out.iterdir()}
    assert hub.objects, "a large file goes another way"
    assert {"README.md", "sdc.json", "recipe.json"} <= repo.files.keys()
    assert json.loads(made.stdout)["push"] == {
        "repo": REPO, "public": False, "url": f"{hub.url}/{REPO}",
        "files": {path.name: path.stat().st_size for path in out.iterdir()},
    }  # fmt: skip
    assert f"private: {hub.url}/{REPO}" in made.stderr


def test_public_is_an_order_and_a_repository_that_is_there_is_not_changed_without_one(
    run: Trained, hub: FakeHub, tmp_path: Path
) -> None:
    assert _export(run, tmp_path / "out", "--push", REPO, "--public").exit_code == 0
    assert hub.pushed[REPO].private is False
    again = _export(run, tmp_path / "out", "--push", REPO)
    assert (again.exit_code, again.stderr.splitlines()[-1]) == (
        4,
        f"sdc: {REPO}: the repository is there already; name another one, or add a commit to it with --force",
    )
    # Private by default: what everybody sees takes nothing without a word.
    hidden = _export(run, tmp_path / "out", "--push", REPO, "--force")
    assert (hidden.exit_code, "the repository is public" in hidden.stderr) == (4, True)
    assert len(hub.pushed[REPO].messages) == 1
    assert _export(run, tmp_path / "out", "--push", REPO, "--force", "--public").exit_code == 0
    assert len(hub.pushed[REPO].messages) == 2


def test_a_dry_run_lists_the_files_and_asks_no_hub(
    run: Trained, hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    made = _export(run, tmp_path / "out", "--push", REPO, "--dry-run")
    assert (made.exit_code, hub.asked) == (0, []), made.stderr
    size = (tmp_path / "out" / "README.md").stat().st_size
    assert f"  README.md  {size:,} bytes" in made.stderr.splitlines()
    assert "would go to some-org/te-topic, private; nothing was sent" in made.stderr


@pytest.mark.parametrize(
    ("token", "refuses", "offline", "exit_code", "message"),
    [
        ("hf_wrong_and_secret", "nothing", False, 4, "cannot push (the hub does not know the token)"),
        ("hf_good", "/create", False, 4, "cannot push (the token may not write there)"),
        (
            "hf_good",
            "/commit/",
            False,
            4,
            "cannot push (This is refused: Bearer ***) (the repository is made, and empty: add --force)",
        ),
        ("hf_good", "nothing", True, 4, "cannot push ("),
        ("", "nothing", False, 2, "$HF_TOKEN is not set"),
        ("hf wrong", "nothing", False, 2, "$HF_TOKEN holds spaces"),
    ],
)
def test_what_goes_wrong_is_one_line_without_the_token(
    run: Trained,
    hub: FakeHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    token: str,
    refuses: str,
    offline: bool,
    exit_code: int,
    message: str,
) -> None:
    hub.refuses, hub.refusal = refuses, 422 if refuses == "/commit/" else 403
    monkeypatch.setenv("HF_TOKEN", token)
    if offline:
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with caplog.at_level(logging.DEBUG):
        made = _export(run, tmp_path / "out", "--push", REPO)
    assert made.exit_code == exit_code
    last = made.stderr.splitlines()[-1]
    assert last.startswith("sdc: ") and message in last
    if token:
        assert token not in f"{made.stdout}{made.stderr}{caplog.text}"


def test_data_are_pushed_with_a_card_that_the_hub_reads(run: Trained, hub: FakeHub, tmp_path: Path) -> None:
    made = program.sdc(["data", "push", "org/texts", "--lang", "en", "--task", "small", "--json"])
    assert made.exit_code == 0, made.stderr
    repo = hub.pushed["org/texts"]
    assert (repo.kind, repo.private) == ("dataset", True)
    assert set(repo.files) == {"README.md", "en-small/train.jsonl", "en-small/test.jsonl"}
    front = yaml.safe_load(repo.files["README.md"].decode().split("---")[1])
    assert front["configs"] == [
        {
            "config_name": "en-small",
            "data_files": [
                {"split": "train", "path": "en-small/train.jsonl"},
                {"split": "test", "path": "en-small/test.jsonl"},
            ],
        }
    ]
    assert (front["language"], front["license"]) == (["en"], "unknown")
    (first, *_) = map(json.loads, repo.files["en-small/test.jsonl"].splitlines())
    ((text, label),) = run.world.store.query(
        "select text, label from examples where key = ? order by idx limit 1", [run.run.test_key]
    )
    assert first == {"text": text, "label": label, "label_name": ["first", "second"][label]}
    assert json.loads(made.stdout)["url"] == f"{hub.url}/datasets/org/texts"


def test_named_texts_are_the_split_synthetic_and_two_of_a_split_are_refused(
    run: Trained, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    ((key,),) = run.world.store.query("select key from artifacts where stage = 'gen'")
    made = program.sdc(["data", "push", "org/texts", key, run.run.test_key, "--dry-run", "--json"])
    assert (made.exit_code, hub.asked) == (0, []), made.stderr
    assert set(json.loads(made.stdout)["files"]) == {
        "README.md",
        "en-small/synthetic.jsonl",
        "en-small/test.jsonl",
    }
    two = program.sdc(["data", "push", "org/texts", run.world.test.key, run.run.test_key, "--dry-run"])
    assert (two.exit_code, "are both test rows of en/small; push one of them" in two.stderr) == (2, True), two.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--push", "name"), "'name' is no repository; give it as ORG/NAME"),
        (("--push", "../name"), "'../name' is no repository"),
        (("--public",), "add --push ORG/NAME"),
        (("--dry-run",), "add --push ORG/NAME"),
    ],
)
def test_flags_that_mean_nothing_are_refused(
    run: Trained, hub: FakeHub, tmp_path: Path, flags: tuple[str, ...], message: str
) -> None:
    made = _export(run, tmp_path / "out", *flags)
    assert (made.exit_code, message in made.stderr) == (2, True), made.stderr
    assert not (tmp_path / "out").exists()
