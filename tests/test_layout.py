"""The folders are where the architecture says, and the wheel takes all that lies in them."""

import tomllib
from pathlib import Path, PurePath

import pytest

ROOT = Path(__file__).parent.parent
FIX = "this checkout has no symbolic links: git config core.symlinks true && git checkout -- src/sdc"


@pytest.mark.parametrize("name", ["cli", "pipelines", "cache"])
def test_the_package_is_linked_to_the_root_folder(name: str) -> None:
    link = ROOT / "src" / "sdc" / name
    assert link.is_symlink(), FIX
    assert link.readlink() == PurePath("../..") / name, FIX
    assert (link / "__init__.py").is_file()


def test_the_wheel_takes_every_file_that_is_no_code() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
    patterns = settings["*"]
    left_out = [
        str(path.relative_to(ROOT))
        for folder in ("cli", "pipelines", "cache")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and not any(map(path.match, patterns))
    ]
    assert left_out == []


def test_every_folder_with_data_is_a_package_or_stands_in_one_by_pattern() -> None:
    # package-data patterns without a slash take files of packages only: a folder without __init__.py would be lost.
    orphans = {
        str(path.parent.relative_to(ROOT))
        for folder in ("cli", "pipelines", "cache")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and "__pycache__" not in path.parts
        if not (path.parent / "__init__.py").is_file()
    }
    find = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]["find"]
    if find.get("namespaces", True):  # then every folder is a package
        return
    assert orphans == set()


def test_code_lives_in_the_root_folders_only() -> None:
    allowed = {"__init__.py", "__main__.py", "errors.py", "py.typed", "cli", "pipelines", "cache", "__pycache__"}
    assert {path.name for path in (ROOT / "src" / "sdc").iterdir()} <= allowed
