"""podman as it runs on this machine, and the images that `just image` built.

Here: finding out whether containers can run, running one. A machine that is a container itself, without the right to
raise limits and with two kinds of cgroups, gets what it lacks by a mount namespace and a wrapper around crun; nothing
of the machine is changed. Not here: what is tested.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_WRAPPER = """\
#!{python}
import json, os, sys
words = sys.argv[1:]
for word, option, rest in (("create", "--bundle", "/config.json"), ("exec", "--process", "")):
    if word in words and option in words:
        path = words[words.index(option) + 1] + rest
        with open(path) as file:
            config = json.load(file)
        config.get("process", config).pop("rlimits", None)
        with open(path, "w") as file:
            json.dump(config, file)
os.execv("{crun}", ["crun", *words])
"""
_UNIFIED = Path("/sys/fs/cgroup/unified")


@dataclass(frozen=True, kw_only=True)
class Engine:
    """How podman is called here.

    Args:
        prefix: Words before those of `podman run`.
        flags: Further flags of `run`.
    """

    prefix: tuple[str, ...]
    flags: tuple[str, ...]

    def script(self) -> str:
        """Returns a shell script that is podman here, for programs that start podman themselves."""
        flags = " ".join(self.flags)
        given = f'case $1 in run | create) word=$1; shift; set -- "$word" {flags} "$@" ;; esac'
        return f'#!/bin/sh\n{given}\nexec {shlex.join(self.prefix)} "$@"\n'

    def run(
        self, image: str, *words: str, flags: tuple[str, ...] = (), user: str = "12345:0", timeout_s: int = 900
    ) -> str:
        """Returns what a program of the image printed, under a read-only root and without a network.

        Raises:
            AssertionError: It failed; with what it said.
        """
        done = self.attempt(image, *words, flags=flags, user=user, timeout_s=timeout_s)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def attempt(
        self, image: str, *words: str, flags: tuple[str, ...] = (), user: str = "12345:0", timeout_s: int = 900
    ) -> "subprocess.CompletedProcess[str]":
        """Returns how a program of the image ended."""
        fixed = ("run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", "--user", user)
        command = [*self.prefix, *fixed, *self.flags, *flags, image, *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


def engine(folder: Path) -> Engine | str:
    """Returns podman as it works here, or why it does not; `folder` is for a wrapper."""
    if shutil.which("podman") is None:
        return "podman is not installed (apt-get install podman buildah crun)"
    if os.geteuid() != 0:
        return "these tests build as root"
    crun = shutil.which("crun") or "crun"
    wrapper = folder / "crun"
    wrapper.write_text(_WRAPPER.format(python=sys.executable, crun=crun))
    wrapper.chmod(0o755)
    podman = shutil.which("podman")
    inner = f'umount {_UNIFIED} && exec {podman} --runtime {wrapper} "$@"'
    for candidate in (
        Engine(prefix=(shutil.which("podman") or "podman",), flags=()),
        Engine(prefix=("unshare", "--mount", "sh", "-c", inner, "podman"), flags=("--cgroups=disabled",)),
    ):
        try:
            said = candidate.attempt(BASE, "true", timeout_s=120)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"podman does not run here: {error}"
        if said.returncode == 0:
            return candidate
    return f"podman does not run here: {said.stderr.strip()[-300:]}"


#: A base that containers/debian-base.sh made: these tests reach no registry.
BASE = "localhost/sdc-base"


def has_image(name: str) -> bool:
    """Returns whether this machine has the image."""
    return (
        subprocess.run(["buildah", "inspect", "--type", "image", name], capture_output=True, check=False).returncode
        == 0
    )


def configuration(name: str) -> dict[str, object]:
    """Returns the image's configuration by OCI's names: User, Env, Labels, history ..."""
    said = subprocess.run(
        ["buildah", "inspect", "--type", "image", name], capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, object] = json.loads(said)["OCIv1"]
    return found


def build(kind: str, *words: str) -> None:
    """Builds an image by the recipe of `just image`, upon the base that was made here."""
    command = [sys.executable, f"{ROOT}/containers/image.py", kind, "--tool", "buildah", "--base", BASE]
    subprocess.run([*command, "--pip-from-here", *words, "--", "--isolation", "chroot"], check=True)
