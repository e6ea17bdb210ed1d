"""Start-up: help and imports of the command line load nothing heavy."""

import subprocess
import sys

import pytest

from sdc.cli.main import COMMANDS

_HEAVY = [
    *("torch", "transformers", "datasets", "peft", "tokenizers", "numpy", "scipy", "pandas", "sklearn", "pyarrow"),
    *("duckdb", "diskcache", "jinja2", "langcodes", "rich", "httpx2", "vllm", "altair", "regex"),
]
_REPORT = f"import sys; print(*sorted(set({_HEAVY!r}) & set(sys.modules)))"
_HELP = f"""
import sys
sys.argv = ["sdc", *sys.argv[1:]]
from sdc.cli.main import main
try:
    main()
except SystemExit:
    pass
print("heavy:", *sorted(set({_HEAVY!r}) & set(sys.modules)), file=sys.stderr)
"""


def _python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)


def test_importing_the_command_line_is_light() -> None:
    assert _python(f"import sdc.cli.main; {_REPORT}").stdout.split() == []


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["gen", "--help"], ["gen", "--quota", "0"]])
def test_running_without_work_is_light(arguments: list[str]) -> None:
    assert _python(_HELP, *arguments).stderr.rpartition("heavy:")[2].split() == []


def test_the_check_sees_a_heavy_import() -> None:
    assert _python(f"import numpy; {_REPORT}").stdout.split() == ["numpy"]


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]])
def test_the_list_of_commands_needs_none_of_them(arguments: list[str]) -> None:
    modules = {f"sdc.cli.{path.partition(':')[0]}" for path, _ in COMMANDS.values()}
    code = f"{_HELP}\nprint('loaded:', *sorted({modules!r} & set(sys.modules)), file=sys.stderr)"
    shown = _python(code, *arguments)
    assert shown.stderr.rpartition("loaded:")[2].split() == []
    listed = f"{shown.stdout}{shown.stderr}".partition("Commands:")[2].splitlines()
    for name, (_, summary) in COMMANDS.items():
        assert f"  {name:<7}  {summary}" in listed  # whole: nothing is cut with dots


def test_a_command_that_does_not_exist_is_one_line() -> None:
    shown = subprocess.run([sys.executable, "-m", "sdc", "generate"], capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr == "sdc: no such command 'generate'; see `sdc --help`\n"
