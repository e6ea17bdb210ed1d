"""The wheel: it is complete, and its command line runs in an environment that has no checkout."""

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow
_LEFT_OUT = (
    ".git",
    ".*venv*",
    ".sdc",
    "build",
    "dist",
    "*.egg-info",
    "__pycache__",
    ".*_cache",
    ".hypothesis",
    "pocket-*",
)

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: what an earlier build left in build/ must not get in."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "tree", symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    built = subprocess.run([*command, "--wheel-dir", str(folder), str(folder / "tree")], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("sdc_classifiers-*.whl")
    return path


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a program of a fresh environment that holds the wheel, and sees this one's libraries but not its checkout.

    A folder named in a .pth file is searched for modules, but its own .pth files, such as that of the editable sdc, are
    not read.
    """
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", "utf-8")

    def run(name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        program = folder / "venv" / "bin" / name
        return subprocess.run([str(program), *arguments], capture_output=True, text=True, cwd=folder, timeout=120)

    return run


def _product_files() -> set[str]:
    kinds = {".py", ".typed", ".toml", ".jinja", ".jsonl", ".json", ".safetensors", ".md", ".js", ".css", ".ttf"}
    found = {
        f"sdc/{path.relative_to(ROOT).as_posix()}"
        for folder in ("cli", "pipelines", "cache")
        for path in (ROOT / folder).rglob("*")
        if (path.suffix in kinds or path.name == "OFL.txt") and "__pycache__" not in path.parts
        # What trains the pocket models needs a checkout, and the paper's data.
        if not path.is_relative_to(ROOT / "pipelines" / "pocket" / "training")
    }
    own = {f"sdc/{path.name}" for path in (ROOT / "src" / "sdc").iterdir() if path.is_file() and path.suffix in kinds}
    return found | own


def test_the_wheel_holds_every_file_of_the_product(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert not _product_files() - names
    for kind in (".toml", ".jinja", ".jsonl", ".safetensors", "py.typed"):
        assert any(name.endswith(kind) for name in names), f"no {kind} in the wheel"
    assert "sdc/pipelines/pocket/teacher/config.json" in names


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert not set(names) - _product_files()
    assert any(name.endswith("licenses/LICENSE") for name in zipfile.ZipFile(wheel).namelist())


def test_the_wheel_is_what_runs(bare: Run) -> None:
    shown = bare("python", "-c", "import sdc; print(sdc.__file__)").stdout
    assert "/venv/lib/" in shown
    assert str(ROOT) not in shown


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["demo", "--help"], ["store", "sql", "--help"]])
def test_the_command_line_runs(bare: Run, arguments: list[str]) -> None:
    done = bare("sdc", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_data_files_are_found(bare: Run) -> None:
    code = """
from sdc.pipelines import presets, prompts, tasks
from sdc.pipelines.engines import models
print(presets.names(), tasks.builtin_names(), [tasks.load(name).quota for name in tasks.builtin_names()])
print(prompts.digest("gen"), *((models.POCKET / name / "config.json").is_file() for name in ("teacher", "student")))
"""
    done = bare("python", "-c", code)
    assert done.returncode == 0, done.stderr
    assert "topic" in done.stdout
    assert "False" not in done.stdout
