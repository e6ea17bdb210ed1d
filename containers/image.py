"""`just image cpu|gpu`: builds an image with docker, podman or buildah, whichever is there.

Here: the command line of the tool that builds. Not here: what is in the image (`*.Containerfile`), what it is built
from (`bases.toml`).
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("docker", "podman", "buildah")
#: Of every file in a layer: the first second that zip files can tell. The label `created` has the commit's time.
EPOCH_S = 315532800
#: Settings of pip that hold inside a build, too.
_PIP = ("index-url", "extra-index-url", "find-links", "trusted-host", "constraint", "cert", "default-timeout")


class ImageError(Exception):
    """What keeps an image from being built: one line that says what to do."""


def main(arguments: Sequence[str]) -> int:
    """Builds the image that the arguments name; returns the exit code of the tool."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory() as folder:
        try:
            command = build_command(options, Path(folder))
        except ImageError as error:
            print(f"image: {error}", file=sys.stderr)
            return 2
        if options.dry_run:
            print(shlex.join(command))
            return 0
        return subprocess.run(command, cwd=ROOT, check=False).returncode


def build_command(options: argparse.Namespace, folder: Path) -> list[str]:
    """Returns the words of the build; pip's settings, if there are any, are written into the folder.

    Raises:
        ImageError: No tool is there.
    """
    tool = options.tool or find_tool()
    bases = tomllib.loads((ROOT / "containers" / "bases.toml").read_text("utf-8"))
    given = {"BASE": options.base or bases["python"], **_identity()}
    if options.kind == "gpu":
        given["COMPAT"] = options.compat or bases["compat"]
    given |= dict(pair.split("=", 1) for pair in options.build_arg)
    words = {
        "docker": ["docker", "build"],
        "podman": ["podman", "build", "--layers"],
        "buildah": ["buildah", "build", "--layers"],
    }[tool]
    if tool == "docker":  # BuildKit reads it; files get that time where the exporter rewrites them
        given["SOURCE_DATE_EPOCH"] = str(EPOCH_S)
    else:
        words += ["--timestamp", str(EPOCH_S)]
    words += [word for name, value in given.items() for word in ("--build-arg", f"{name}={value}")]
    if options.pip_conf or options.pip_from_here:
        file = options.pip_conf or _pip_settings(folder / "pip.conf")
        words += ["--secret", f"id=pip,src={file}"]
    if options.pip_from_here and tool != "docker":
        words += [word for path in _places(file) for word in ("--volume", f"{path}:{path}:ro")]
    tags = options.tag or {"cpu": ["sdc:cpu", "sdc:latest"], "gpu": ["sdc:gpu"]}[options.kind]
    words += [word for tag in tags for word in ("--tag", tag)]
    return [*words, *options.more, "--file", f"containers/{options.kind}.Containerfile", "."]


def find_tool() -> str:
    """Returns the first tool that works here; docker only if its daemon answers.

    Raises:
        ImageError: None does.
    """
    for tool in filter(shutil.which, TOOLS):
        question = [tool, "info"] if tool == "docker" else [tool, "--version"]
        if subprocess.run(question, capture_output=True, check=False).returncode == 0:
            return tool
    raise ImageError("no docker (with its daemon), podman or buildah works here; install one, or name it with --tool")


def _identity() -> dict[str, str]:
    """Returns version, commit and the commit's time for the labels; what is unknown is left out."""
    found = re.search(r'__version__ = "([^"]+)"', (ROOT / "src" / "sdc" / "__init__.py").read_text("utf-8"))
    known = {"VERSION": found.group(1)} if found else {}
    question = ["git", "log", "-1", "--format=%H %cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ"]
    answer = subprocess.run(
        question, cwd=ROOT, env=os.environ | {"TZ": "UTC"}, capture_output=True, text=True, check=False
    )
    if answer.returncode == 0:
        known["REVISION"], known["CREATED"] = answer.stdout.split()
        changes = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, check=False)
        known["REVISION"] += "-changed" if changes.stdout else ""
    return known


def _pip_settings(file: Path) -> Path:
    """Writes what pip of this machine is told (by files and variables) as one file, and returns it."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    settings: dict[str, list[str]] = {}
    for scope in ("global", "install", "user", "site", ":env:"):
        for name, value in re.findall(rf"^{scope}\.([\w-]+)='(.*)'$", listed.stdout, flags=re.MULTILINE):
            if name in _PIP:
                settings[name] = value.split()
    lines = [f"{name} = " + "\n    ".join(values) for name, values in settings.items()]
    file.write_text("\n".join(["[global]", *lines, ""]), "utf-8")
    return file


def _places(file: Path) -> list[str]:
    """Returns the files and folders of this machine that pip's settings name: certificates, constraints, indexes."""
    paths = [Path(path) for path in re.findall(r"(?:file://|\s)(/[^\s]+)", file.read_text("utf-8"))]
    # The pages of an index may lead to a folder beside it.
    return sorted({str(path.parent if path.name == "simple" else path) for path in paths if path.exists()})


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="just image", description="Build the cpu or the gpu image of sdc.")
    parser.add_argument("kind", choices=("cpu", "gpu"))
    parser.add_argument("--base", help="base image instead of the one in containers/bases.toml")
    parser.add_argument("--compat", help="gpu: image with /usr/local/cuda-13.0/compat instead of that one")
    parser.add_argument("--tool", choices=TOOLS, help="default: the first that works")
    parser.add_argument("--tag", action="append", help="name of the image; default sdc:cpu and sdc, or sdc:gpu")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE", help="EXTRAS, VLLM ...")
    parser.add_argument("--pip-conf", type=Path, metavar="FILE", help="pip's settings, seen by the build alone")
    parser.add_argument("--pip-from-here", action="store_true", help="as --pip-conf, with this machine's settings")
    parser.add_argument("--dry-run", action="store_true", help="show the command and do nothing")
    parser.epilog = "Words after -- are for the tool: just image cpu -- --no-cache"
    own, more = list(arguments), []
    if "--" in own:
        own, more = own[: own.index("--")], own[own.index("--") + 1 :]
    options = parser.parse_args(own)
    options.more = more
    if wrong := [pair for pair in options.build_arg if "=" not in pair]:
        parser.error(f"--build-arg {wrong[0]}: write NAME=VALUE")
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
