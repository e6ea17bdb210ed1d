"""The Tab key, in the shells themselves: commands, flags, values and keys."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from report_store import EVERY, evaluate, fill

from sdc.cache.store import Artifact, Store
from sdc.cli import completion

_PROGRAM = Path(sys.executable).parent


def _environment(shell: str, folder: Path) -> dict[str, str]:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    found = {**os.environ, "HOME": str(home), "ZDOTDIR": str(home), "XDG_CONFIG_HOME": str(home / ".config")}
    return {**found, "PATH": f"{_PROGRAM}{os.pathsep}{os.environ['PATH']}", "SHELL": shutil.which(shell) or ""}


def _installed(shell: str, folder: Path) -> dict[str, str]:
    """Returns the environment of a user who has run `sdc --install-completion` in that shell."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    environment = _environment(shell, folder)
    command = [program, "-c", "sdc --install-completion; exit $?" if shell != "fish" else "sdc --install-completion"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return environment


def _bash(line: str, environment: dict[str, str]) -> list[str]:
    script = f"""
        source ~/.bashrc
        COMP_LINE='{line}'
        read -r -a COMP_WORDS <<<"$COMP_LINE"
        [[ "$COMP_LINE" != *' ' ]] || COMP_WORDS+=('')
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        complete -p sdc >/dev/null && _sdc_completion sdc
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def _fish(line: str, environment: dict[str, str]) -> list[str]:
    done = subprocess.run(
        ["fish", "-c", f"complete -C '{line}'"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [found.split("\t")[0] for found in done.stdout.splitlines()]


def _zsh(line: str, environment: dict[str, str]) -> list[str]:
    """Runs what zsh runs at its first Tab; what it would be shown is printed instead."""
    script = """
        fpath+=~/.zfunc; autoload -Uz compinit; compinit -u -D
        _arguments() { print -r -- "$@" }
        _files() { }
        words=(${(z)1}); [[ $1 == *' ' ]] && words+=(''); CURRENT=$#words
        $_comps[sdc]
    """
    done = subprocess.run(
        ["zsh", "-f", "-c", script, "zsh", line], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # (("VALUE"\:"what it is" ...)), with the second part where there is one
    return re.findall(r'(?:^|\n|(?<="\n))"([^"\n]+)"', done.stdout.partition("((")[2])


_SHELLS = {"bash": _bash, "fish": _fish, "zsh": _zsh}


@pytest.mark.slow
@pytest.mark.parametrize("shell", _SHELLS)
def test_what_a_shell_completes(shell: str, tmp_path: Path, warm: Path) -> None:
    context = fill(tmp_path / "store.duckdb")
    evaluate(context, *EVERY)
    environment = {**_installed(shell, tmp_path), "SDC_STORE": str(context.store.path)}
    if shell != "bash":  # the program itself is the same in all
        environment["PATH"] = f"{warm}{os.pathsep}{environment['PATH']}"
    complete = _SHELLS[shell]
    assert complete("sdc tr", environment) == ["train"]
    assert "--method" in complete("sdc train --me", environment)
    assert complete("sdc train --method f", environment) == ["finetune"]
    assert complete("sdc report fig", environment) == ["figures"]
    assert complete("sdc sample --strategy kc", environment) == ["kcentre"]
    assert complete("sdc show --status un", environment) == ["unparsed"]
    assert complete("sdc report --size 2", environment) == ["20"]
    key = context.store.find("sample")[0].short
    assert complete(f"sdc train {key[:6]}", environment) == [key]


def test_values_are_those_of_the_store_and_of_the_registry(
    tmp_path: Path, chain: dict[str, Artifact], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def values(name: str, **given: str) -> list[str]:
        return [value for value, _ in completion._VALUES[name](given)]

    store.put(
        Artifact(key="0" * 64, stage="data", version=1, lang="te", task="topic", config={}, inputs=(), summary={}),
        {"examples": [
            {"idx": 0, "lang": "te", "task": "topic", "text": "a", "label": 0, "label_name": "sports",
             "source": "human", "split": "train", "status": "leak"}
        ]},
    )  # fmt: skip
    monkeypatch.setenv("SDC_STORE", str(store.path))
    assert "sports" in values("label")
    assert values("status")[0] == "leak" and values("status")[-4:] == ["right", "wrong", "unparsed", "all"]
    assert {"balanced", "coverage", "kcentre", "random"} == set(values("strategy"))
    assert values("sizes")[-1] == "all" and "200" in values("sizes", preset="paper")
    monkeypatch.setenv("SDC_STORE", str(tmp_path / "none.duckdb"))
    assert values("label") == [] and "rejected" in values("status")
