"""The folders are where the architecture says, and the wheel takes all that lies in them."""

import ast
import re
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


def test_few_modules_lie_beside_the_rooms_and_none_is_long() -> None:
    assert len(list((ROOT / "pipelines").glob("*.py"))) <= 12
    for folder in ("cli", "pipelines", "cache"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".js", ".css", ".jinja"}:
                assert len(path.read_text("utf-8").splitlines()) <= 300, path


def test_no_import_circles() -> None:
    """Imports inside functions and those for types count, too."""
    modules = {
        path.relative_to(ROOT / "src").with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"): path
        for folder in ("cli", "pipelines", "cache")
        for path in (ROOT / "src" / "sdc" / folder).rglob("*.py")
    }
    imports = {name: _imported(path, modules) - {name} for name, path in modules.items()}
    while free := {name for name, wanted in imports.items() if not wanted & imports.keys()}:
        imports = {name: wanted for name, wanted in imports.items() if name not in free}
    used = set().union(*imports.values()) if imports else set()
    assert sorted(imports.keys() & used) == []


def _imported(path: Path, modules: dict[str, Path]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            full = [(f"{node.module}.{alias.name}", node.module) for alias in node.names]
            found |= {module if module in modules else room for module, room in full}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def test_a_public_class_name_means_one_thing() -> None:
    """A type that is given a name (`Row = tuple[int, str]`) counts, too."""
    modules: dict[str, list[str]] = {}
    for folder in ("cli", "pipelines", "cache"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for name in _types(path):
                modules.setdefault(name, []).append(str(path.relative_to(ROOT)))
    assert {name: where for name, where in modules.items() if len(where) > 1} == {}


def _types(path: Path) -> list[str]:
    """Returns the public classes and named types of a module: all else is written `so` or `SO`."""
    names = []
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return [name for name in names if name[0].isupper() and not name.isupper()]


def test_no_name_of_a_room_hides_one_of_its_modules() -> None:
    """`from room import module` gives what the room's `__init__` calls so, if it does."""
    for init in (ROOT / "src" / "sdc").rglob("__init__.py"):
        room = init.parent.relative_to(ROOT / "src").as_posix().replace("/", ".")
        there = {path.stem for path in init.parent.iterdir()}
        for node in ast.walk(ast.parse(init.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    name = alias.asname or alias.name
                    assert name not in there or node.module in (room, f"{room}.{name}"), f"{room}: {name}"


def test_the_page_on_the_architecture_names_every_room_and_no_other() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"^\| `pipelines/([\w./]+)` \|", page, re.MULTILINE))
    there = {path.name for path in (ROOT / "pipelines").glob("*.py")} - {"__init__.py"}
    there |= {f"{path.parent.name}/" for path in (ROOT / "pipelines").glob("*/__init__.py")}
    assert named == there
    for path in re.findall(r"`((?:cli|pipelines|cache|docs)/[\w./-]+)`", page):
        assert "NAME" in path or path.endswith("/X.py") or "/X/" in path or (ROOT / path).exists(), path


_OF_RECORDS = re.compile(r"\b(?:from|join)\s+(?:examples|draws|runs)\b", re.IGNORECASE)


def test_queries_of_examples_draws_and_runs_stand_in_records_alone() -> None:
    found = {}
    for path in (*(ROOT / "pipelines").rglob("*.py"), *(ROOT / "cli").rglob("*.py")):
        lines = [line for line, sql in _queries(path.read_text("utf-8")) if _OF_RECORDS.search(sql)]
        if lines and (ROOT / "pipelines" / "records") not in path.parents:
            found[str(path.relative_to(ROOT))] = lines
    assert found == {}


def test_a_query_is_found_by_what_is_done_with_it_or_by_how_it_begins() -> None:
    source = '''
def done(store, con, name):
    """Select what comes from runs."""
    store.query("-- newest\\nselect key " + f"from examples where {name}")
    con.execute(f"insert into {name} select * from draws")
    sql = f"""
        with a as (select 1)
        select {name} FROM
            runs"""
    say("see `sdc store sql \'select key from runs\'`")
'''
    assert [line for line, sql in _queries(source) if _OF_RECORDS.search(sql)] == [4, 5, 6]


def _queries(source: str) -> list[tuple[int, str]]:
    """Returns line and text of what is SQL in a module: what `query` or `execute` is given, and what begins so.

    Of an f-string only what stands in it itself: what is put into it is found where that stands.
    """
    tree = ast.parse(source)
    texts: dict[ast.expr, str] = {}  # whole strings: the parts of an f-string are none
    parts: set[ast.expr] = set()
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    asked: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts |= {value for value in node.values if isinstance(value, ast.Constant)}
            texts[node] = " ".join(str(value.value) for value in node.values if isinstance(value, ast.Constant))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            texts[node] = node.value
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", None) in ("query", "execute"):
            asked |= set(ast.walk(node))
    return sorted(
        (node.lineno, text)
        for node, text in texts.items()
        if node in asked or (node not in docstrings and re.match(r"\s*(?:select|with)\b", text))
    )


def test_tests_wait_for_what_they_need_and_for_no_time() -> None:
    sleeps = [path.name for path in (ROOT / "tests").rglob("*.py") if re.search(r"\bsleep\(", path.read_text("utf-8"))]
    assert sleeps == ["waiting.py"], "wait with `waiting.until`"


def test_commands_are_short() -> None:
    """Flags included: what is longer belongs into pipelines, or into a group of flags."""
    for path in (ROOT / "cli").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{path.name}: {node.name}"


@pytest.mark.parametrize(
    ("expression", "path", "is_read"),
    [
        ("not slow", "test_docs.py", True),
        ("", "test_docs.py", True),
        ("slow and not vllm", "test_docs.py", False),
        ("slow and not vllm", "e2e/test_guide.py", True),
        ("vllm", "pipelines/engines/vllm/test_stages.py", True),  # by the NEEDS_VLLM of tests/support
        ("vllm", "pipelines/engines/vllm/test_vllm.py", True),
    ],
)
def test_only_files_that_name_markers_are_read_for_them(
    expression: str, path: str, is_read: bool, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pytestconfig.option, "markexpr", expression)
    ignored = pytestconfig.hook.pytest_ignore_collect(collection_path=ROOT / "tests" / path, config=pytestconfig)
    assert bool(ignored) != is_read
