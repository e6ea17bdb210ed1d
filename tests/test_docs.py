"""The documents against the program: commands, options, links, presets, tasks and models that they name exist."""

import importlib.util
import itertools
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.exceptions import TyperException

from sdc.cli import help
from sdc.pipelines import presets, tasks
from sdc.pipelines.engines import models

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md")) + sorted((ROOT / "benchmarks").glob("*.md"))
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHELL = ("bash", "sh", "console")


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = _generator()
COMMANDS: dict[str, Any] = dict(GENERATE.commands(GENERATE.root()))


def shell_commands(text: str) -> Iterator[list[str]]:
    """Yields the words of every `sdc ...` in shell code, cut at pipes, `&&`, `;`, redirections and new lines."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="|&;()<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("|&;()<>"):
                if words and words[0].rpartition("/")[2] == "sdc":
                    yield ["sdc", *words[1:]]
                words = []
            elif not (not words and re.fullmatch(r"\$|\w+=.*", word)):  # `$(`, and VARIABLE=value before a command
                words.append(word)


def fenced(page: Path) -> Iterator[list[str]]:
    for info, code in _FENCE.findall(page.read_text("utf-8")):
        if info.split()[:1] and info.split()[0] in _SHELL:
            yield from shell_commands(code)


def resolve(words: list[str]) -> tuple[str, list[str]]:
    """Returns the longest command that the words begin with, and the words that follow."""
    path, rest = "sdc", words[1:]
    while rest and f"{path} {rest[0]}" in COMMANDS:
        path, rest = f"{path} {rest[0]}", rest[1:]
    return path, rest


def check(words: list[str]) -> None:
    """Parses a command line with the program's own parser, without running the command.

    Raises:
        ValueError: There is no such command.
        TyperException: It does not parse.
    """
    path, rest = resolve(words)
    if {"--help", "-h", "--version"} & {*rest}:
        return
    if hasattr(COMMANDS[path], "commands") and not COMMANDS[path].invoke_without_command:
        raise ValueError(f"{' '.join(words)} names no command")
    COMMANDS[path].make_context(path, list(rest))


PAGE_COMMANDS = [pytest.param(words, id=f"{page.name}: {' '.join(words)}") for page in PAGES for words in fenced(page)]


@pytest.mark.parametrize("words", PAGE_COMMANDS)
def test_fenced_commands_parse(words: list[str]) -> None:
    check(words)


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ("sdc nothing", ValueError, "sdc nothing names no command"),
        ("sdc data nothing", ValueError, "sdc data nothing names no command"),
        ("sdc gen --no-such-option", TyperException, "no such option: --no-such-option"),
        ("sdc gen --quota many", TyperException, "'--quota': input should be a valid integer"),
        ("sdc store show", TyperException, "missing argument 'key'"),
    ],
)
def test_commands_that_do_not_exist_are_found(wrong: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error) as raised:
        check(wrong.split())
    error_text = raised.value.format_message() if isinstance(raised.value, TyperException) else str(raised.value)
    assert says in error_text.lower()


@pytest.mark.parametrize("line", [line for command in COMMANDS.values() for line in help.examples(command)])
def test_examples_of_help_parse(line: str) -> None:
    for words in shell_commands(line):
        check(words)


def test_help_fits_a_screen() -> None:
    """What `--help` shows at 100 columns is what the page holds."""
    for shown in re.findall(r"```text\n(.*?)```", GENERATE.cli_page(), re.DOTALL):
        lines = shown.splitlines()
        assert len(lines) <= 60, lines[0]
        assert max(map(len, lines)) <= 100, lines[0]
        assert "[[" not in shown, lines[0]


def test_shell_code_is_cut_into_commands() -> None:
    code = 'sdc a --x "1 | 2" |\\\n sdc b - && FOO=1 .venv/bin/sdc c > f  # sdc d\nkey=$(sdc e); ls sdc\n$ sdc f'
    expected = ["sdc a --x 1 | 2", "sdc b -", "sdc c", "sdc e", "sdc f"]
    assert [" ".join(words) for words in shell_commands(code)] == expected


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_running_text_exist(page: Path) -> None:
    text = _FENCE.sub("", page.read_text("utf-8"))
    for code in re.findall(r"`(sdc [^`]+)`", text):
        words = re.split(r"[\s|]+", code)
        path, rest = resolve(words)
        assert path != "sdc" or rest[0].startswith("-") or rest[0].isupper(), f"{page.name}: `{code}` names no command"
        known = {flag for parameter in COMMANDS[path].params for flag in (*parameter.opts, *parameter.secondary_opts)}
        unknown = {word.partition("=")[0] for word in rest if word.startswith("--")} - known - {"--help"}
        assert not unknown, f"{page.name}: `{code}`: {unknown}"


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_option_has_help(path: str) -> None:
    command = COMMANDS[path]
    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{path}: {parameter.name} has no help"


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_stands_in_the_reference(path: str) -> None:
    assert f"\n## {path}\n" in (ROOT / "docs" / "cli.md").read_text("utf-8")


def test_generated_pages_are_up_to_date() -> None:
    stale = [path.name for path, text in GENERATE.pages().items() if path.read_text("utf-8") != text]
    assert not stale, "run `just docs`"


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _FENCE.sub("", page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), f"{page.name}: {target}"
        assert linked.is_relative_to(ROOT), f"{page.name}: {target} leaves the repository"
        if anchor and linked.suffix == ".md":
            assert anchor in _anchors(linked), f"{page.name}: {target}"


def test_documents_that_messages_name_exist() -> None:
    sources = [path for folder in ("cli", "pipelines", "cache") for path in (ROOT / folder).rglob("*.py")]
    for source in sources:
        for name, section in re.findall(r"(docs/[\w-]+\.md)(?:, '([^']+)')?", source.read_text("utf-8")):
            assert (ROOT / name).is_file(), f"{source.name} names {name}"
            assert not section or f"# {section}\n" in (ROOT / name).read_text("utf-8"), f"{source.name}: {section}"


def _values(flag: str) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for words in fenced(page):
            for word, value in itertools.pairwise(words):
                if word == flag:
                    yield from ((page.name, part) for part in value.split(","))


def _tasks_of_the_guide() -> set[str]:
    blocks = _FENCE.findall((ROOT / "docs" / "guide.md").read_text("utf-8"))
    return {tomllib.loads(code)["name"] for info, code in blocks if info.startswith("toml") and "[[labels]]" in code}


@pytest.mark.parametrize(
    ("flags", "exists"),
    [
        (("--task", "-t"), lambda name: name in {*tasks.builtin_names(), "all"} or name.endswith(".toml")),
        (("--preset",), lambda name: name in presets.names()),
        (("--model",), lambda name: name.partition("+")[0] in models.aliases() or "/" in name),
    ],
    ids=["tasks", "presets", "models"],
)
def test_names_in_commands_exist(flags: tuple[str, ...], exists: Any) -> None:
    own = _tasks_of_the_guide()
    unknown = [(page, name) for flag in flags for page, name in _values(flag) if not exists(name) and name not in own]
    assert not unknown


def test_every_preset_and_task_is_documented() -> None:
    text = (ROOT / "docs" / "presets.md").read_text("utf-8") + (ROOT / "docs" / "guide.md").read_text("utf-8")
    missing = [name for name in (*presets.names(), *tasks.builtin_names()) if f"`{name}`" not in text]
    assert not missing


def test_nobody_is_told_to_install_the_foreign_sdc() -> None:
    """The public index has another package of that name."""
    parts = ("cli", "pipelines", "cache", "src", "docs", "containers", "benchmarks")
    files = [path for part in parts for kind in ("*.py", "*.md", "*.toml") for path in (ROOT / part).rglob(kind)]
    told = re.compile(r"pip install[^`\n]* ['\"]?sdc\b")
    assert not [path.name for path in [*files, *PAGES] if told.search(path.read_text("utf-8"))]
