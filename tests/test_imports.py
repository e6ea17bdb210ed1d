"""Start-up: help and imports of the command line load nothing heavy."""

import json
import lzma
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from sdc.cli.main import COMMANDS

_HEAVY = [
    *("torch", "transformers", "datasets", "peft", "tokenizers", "numpy", "scipy", "pandas", "sklearn", "pyarrow"),
    *("duckdb", "diskcache", "jinja2", "langcodes", "rich", "httpx2", "vllm", "altair", "regex", "ray"),
]
#: What a command needs no more of once its result is there.
_OF_WORK = ["torch", "transformers", "tokenizers", "scipy", "sklearn", "pandas", "langcodes", "pydantic", "regex"]
_GOLDEN = Path(__file__).parent / "golden"
_COMMANDS = f"""
import json, sys
from sdc.cli.main import main
for words in json.load(sys.stdin):
    sys.argv = ["sdc", *words]
    try:
        main()
    except SystemExit as ended:
        print("code:", ended.code, file=sys.stderr)
    print(words[0], "loaded:", *sorted(set({_OF_WORK!r}) & set(sys.modules)), file=sys.stderr)
"""
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


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["gen", "--help"], ["gen", "--quota", "0"], ["run", "--help"]]
)
def test_running_without_work_is_light(arguments: list[str]) -> None:
    assert _python(_HELP, *arguments).stderr.rpartition("heavy:")[2].split() == []


def test_commands_whose_results_are_there_load_nothing_that_work_needs(tmp_path: Path) -> None:
    (tmp_path / "store.duckdb").write_bytes(lzma.decompress((_GOLDEN / "store.duckdb.xz").read_bytes()))
    runpy.run_path(str(_GOLDEN / "make.py"))["write_inputs"](tmp_path)
    chain = json.loads((_GOLDEN / "chain.json").read_text("utf-8"))
    commands = [step["command"].split() for step in chain if "--hpo" not in step["command"]]
    for _ in range(2):  # what an older sdc has not kept is made by the first
        done = subprocess.run(
            [sys.executable, "-c", _COMMANDS], input=json.dumps(commands), cwd=tmp_path, capture_output=True, text=True,
            check=True, env={**os.environ, "SDC_STORE": str(tmp_path / "store.duckdb")},
        )  # fmt: skip
    assert done.stdout.split() == [key for step in chain if "--hpo" not in step["command"] for key in step["keys"]]
    loaded = [line for line in done.stderr.splitlines() if "loaded:" in line]
    assert loaded == [f"{words[0]} loaded:" for words in commands]
    assert "code:" not in done.stderr.replace("code: 0", "")


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
