"""Models: names, where their files are, and an identity without any path."""

import os
import shutil
from pathlib import Path

import pytest

from sdc.cache.store import Store
from sdc.errors import UsageError
from sdc.pipelines.engines import models
from sdc.pipelines.stage import Context


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "my-model"
    made.mkdir()
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").write_bytes(b"\1" * 100)
    (made / "README.md").write_text("a model")
    return made


def test_the_identity_of_a_folder_is_its_files_and_never_a_path(store: Store, folder: Path, tmp_path: Path) -> None:
    model = models.resolve(store, str(folder))
    copy = shutil.copytree(folder, tmp_path / "deep" / "elsewhere")
    moved = models.resolve(store, str(copy))
    assert moved.identity() == model.identity()
    assert str(tmp_path) not in repr(model.identity())
    assert (model.name, moved.name) == ("my-model", "elsewhere")


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "chat_template.jinja"])
def test_a_changed_byte_changes_the_identity(store: Store, folder: Path, file: str) -> None:
    before = models.resolve(store, str(folder)).identity()
    path = folder / file
    content = path.read_bytes() if path.exists() else b""
    path.write_bytes(content[:-1] + b"\2")
    os.utime(path, ns=(1, 1))  # the same size is not enough to be the same file
    assert models.resolve(store, str(folder)).identity() != before


def test_what_does_not_decide_an_answer_is_not_in_it(store: Store, folder: Path) -> None:
    before = models.resolve(store, str(folder)).identity()
    (folder / "README.md").write_text("another card")
    assert models.resolve(store, str(folder)).identity() == before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("{here}/none", "there is no folder '{here}/none'"),
        ("./none", "there is no folder './none'"),
        ("../none", "there is no folder '../none'"),
        ("~/none", "there is no folder '~/none'"),
        ("models/mine/none", "there is no folder 'models/mine/none'"),
        ("{here}/model.gguf", "'{here}/model.gguf' is a file, and a model is a folder"),
        ("mine", "unknown model 'mine'"),
    ],
)
def test_a_path_without_a_model_is_said_to_be_one(store: Store, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    with pytest.raises(UsageError, match="--model") as caught:
        models.resolve(store, name.format(here=tmp_path))
    assert said.format(here=tmp_path) in str(caught.value)


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A cache of models that knows what `main` and `v1` of two models mean; returns the commit."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("owner--name", models.aliases()["llama-3-70b"]["hub"].replace("/", "--")):
        refs = tmp_path / "hub" / f"models--{name}" / "refs"
        refs.mkdir(parents=True)
        for ref in ("main", "v1"):
            (refs / ref).write_text("abc0" * 10 + "\n")
        snapshot = refs.parent / "snapshots" / ("abc0" * 10)
        snapshot.mkdir(parents=True)
        (snapshot / "config.json").write_text("{}")
    return "abc0" * 10


def test_hub_models_are_named_by_id_and_commit(store: Store, cached: str) -> None:
    for name in ("owner/name", "owner/name@v1", f"owner/name@{cached}"):
        assert models.resolve(store, name).identity() == {"model": "owner/name", "revision": cached}


def test_an_alias_is_its_hub_model(store: Store, cached: str) -> None:
    assert "llama-3-70b" in models.aliases()
    alias = models.resolve(store, "llama-3-70b")
    assert alias.name == "llama-3-70b"
    assert alias.identity() == models.resolve(store, alias.source).identity()
    assert not alias.is_pocket and alias.folder is None


def test_the_bundled_models_are_told_of_once(store: Store, tmp_path: Path) -> None:
    def said(*names: str) -> list[str]:
        lines: list[str] = []
        context = Context(store=store, say=lines.append)
        for name in names:
            context.model(name)
        return lines

    (line,) = said(models.STUDENT, models.TEACHER, models.STUDENT)
    assert line == "pocket-student: the bundled pocket models are for trying and testing only"
    assert said(str(models.POCKET / "teacher")) and said(models.without_thinking(models.TEACHER))
    copied = shutil.copytree(models.POCKET / "student", tmp_path / "pocket-student")
    assert not said(str(copied))  # a user's own


@pytest.mark.parametrize("name", ["", "nothing", "a/b/c", "/no/such/folder", "./x/y", "~/x", "a/", "n\0l", "x" * 5000,
                                  "x/" + "y" * 400])  # fmt: skip
def test_what_is_no_model_is_a_usage_error_in_one_line(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        models.resolve(store, name)
    assert len(str(caught.value)) < 400


# -- adapters, and models behind a server -------------------------------------------------------------------------


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    made = tmp_path / "my-adapter"
    made.mkdir()
    (made / "adapter_config.json").write_text("{}")
    (made / "adapter_model.safetensors").write_bytes(b"\1" * 50)
    return made


def test_an_adapter_is_part_of_the_identity_by_its_content(store: Store, adapter: Path, tmp_path: Path) -> None:
    base = models.resolve(store, models.STUDENT)
    model = models.resolve(store, f"{models.STUDENT}+{adapter}")
    copy = shutil.copytree(adapter, tmp_path / "copy")
    moved = models.resolve(store, f"{models.STUDENT}+{copy}")
    assert model.identity() == {**base.identity(), "adapter": model.adapter_digest} == moved.identity()
    assert str(tmp_path) not in repr(model.identity())
    (copy / "adapter_model.safetensors").write_bytes(b"\2" * 51)
    assert models.resolve(store, f"{models.STUDENT}+{copy}").identity() != model.identity()


@pytest.mark.parametrize("base", [models.STUDENT, "owner/name", "owner/name@v1", "folder"])
def test_what_a_generation_remembers_finds_the_adapter_again(
    store: Store, adapter: Path, folder: Path, cached: str, base: str
) -> None:
    model = models.resolve(store, f"{folder if base == 'folder' else base}+{adapter}")
    assert model.folder is not None
    assert models.resolve(store, model.folder).identity() == model.identity()


@pytest.mark.parametrize("lost", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_folder_without_an_adapter_is_a_usage_error(store: Store, adapter: Path, lost: str) -> None:
    (adapter / lost).unlink()
    with pytest.raises(UsageError, match=f"no LoRA adapter \\({lost} is missing"):
        models.resolve(store, f"{models.STUDENT}+{adapter}")


def test_a_folder_may_have_a_plus_in_its_name(store: Store, folder: Path) -> None:
    plus = folder.rename(folder.with_name("a+b"))
    assert models.resolve(store, str(plus)).adapter is None


def test_a_served_model_is_its_name(store: Store) -> None:
    model = models.resolve(store, "api:gpt-x")
    assert (model.name, model.served, model.folder) == ("gpt-x", True, "api:gpt-x")
    assert model.identity() == {"model": "api:gpt-x", "revision": None}


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_no_name_and_not_the_default(store: Store, name: str) -> None:
    from sdc.pipelines import students

    context = Context(store=store)
    for resolve in (models.resolve, lambda _, name: students.configured(
        context, "lora", preset="sdc", flags={"model": name}
    )):  # fmt: skip
        with pytest.raises(UsageError, match="no model is named"):
            resolve(store, name)
