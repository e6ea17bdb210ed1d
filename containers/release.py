"""`just release`: wheel, sdist, images, bills of materials, checksums and notes, in dist/.

Here: the order, and what needs no other program. Not here: building an image (`image.py`); nothing is
uploaded or tagged.
"""

import argparse
import hashlib
import re
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import image

ROOT = image.ROOT
SBOM = "opt/sdc/sbom.cdx.json"


def main(arguments: Sequence[str]) -> int:
    """Makes a release, or shows how; returns 0, or 2 with one line of what is in the way."""
    parser = argparse.ArgumentParser(prog="just release", description="Make what a release has, in dist/.")
    parser.add_argument("--dry-run", action="store_true", help="show the steps; do nothing")
    parser.add_argument("--images", default="cpu,gpu", help="which images; none: '' (default: cpu,gpu)")
    parser.add_argument("--tool", choices=image.TOOLS, help="default: the first that works")
    parser.add_argument("--image-options", default="", help="for `just image`, as one word")
    options = parser.parse_args(arguments)
    dist = ROOT / "dist"
    try:
        version = _version()
        notes = release_notes((ROOT / "CHANGELOG.md").read_text("utf-8"), version)
        kinds = [kind for kind in options.images.split(",") if kind]
        tool = (options.tool or image.find_tool()) if kinds else ""
        obstacles = _obstacles(version, notes, dist)
    except image.ImageError as error:
        print(f"release: {error}", file=sys.stderr)
        return 2
    steps = commands(version, kinds, tool, shlex.split(options.image_options), dist)
    if options.dry_run:
        print(f"sdc {version}")
        for step in steps:
            print(shlex.join(step).replace(f"{ROOT}/", "").replace(sys.executable, "python"))
        names = [f"sdc-{version}-{kind}.cdx.json" for kind in kinds]
        print(f"write {', '.join([*names, 'NOTES.md', 'SHA256SUMS'])} ({len(notes.splitlines())} lines of notes)")
        for obstacle in obstacles:
            print(f"in the way: {obstacle}")
        return 0
    if obstacles:
        print(f"release: {obstacles[0]}", file=sys.stderr)
        return 2
    for step in steps:
        if subprocess.run(step, cwd=ROOT, check=False).returncode != 0:
            print(f"release: this ended with an error: {shlex.join(step)}", file=sys.stderr)
            return 2
    for kind in kinds:
        bill = sbom_of(dist / f"sdc-{version}-{kind}.tar")
        (dist / f"sdc-{version}-{kind}.cdx.json").write_bytes(bill)
    (dist / "NOTES.md").write_text(notes, "utf-8")
    (dist / "SHA256SUMS").write_text(checksums(dist), "utf-8")
    return 0


def commands(version: str, kinds: Sequence[str], tool: str, more: Sequence[str], dist: Path) -> list[list[str]]:
    """Returns the commands that other programs do, in order."""
    steps = [[sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist), "."]]
    for kind in kinds:
        name = f"sdc:{version}-{kind}"
        archive = f"{dist}/sdc-{version}-{kind}.tar"
        recipe = [sys.executable, str(ROOT / "containers" / "image.py"), kind, "--tool", tool, "--tag", name]
        save = {
            "docker": ["docker", "save", name, "--output", archive],
            "podman": ["podman", "save", name, "--output", archive],
            "buildah": ["buildah", "push", name, f"docker-archive:{archive}:{name}"],
        }[tool]
        steps += [[*recipe, *more], save]
    return steps


def release_notes(changelog: str, version: str) -> str:
    """Returns the section of a version, without its heading; empty if there is none.

    >>> release_notes("# Log\\n\\n## [0.2.0] - 2026\\n\\n- New.\\n\\n## [0.1.0]\\n\\n- Old.\\n", "0.2.0")
    '- New.\\n'
    """
    found = re.search(
        rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## |\Z)", changelog, flags=re.MULTILINE | re.DOTALL
    )
    return found.group(1).strip() + "\n" if found else ""


def sbom_of(archive: Path) -> bytes:
    """Returns the bill of materials that an image brings, from its archive.

    Raises:
        image.ImageError: No layer has it.
    """
    with tarfile.open(archive) as outer:
        for member in outer:
            content = outer.extractfile(member) if member.isfile() else None
            if content is None:
                continue
            try:
                with tarfile.open(fileobj=content) as layer:
                    file = layer.extractfile(SBOM) if SBOM in layer.getnames() else None
                    if file is not None:
                        return file.read()
            except tarfile.ReadError:
                continue
    raise image.ImageError(f"{archive.name} has no {SBOM}")


def checksums(folder: Path) -> str:
    """Returns the sha256 of every file of a folder, as `sha256sum --check` reads it."""
    lines = []
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != "SHA256SUMS":
            with path.open("rb") as file:
                lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    return "".join(lines)


def _version() -> str:
    found = re.search(r'__version__ = "([^"]+)"', (ROOT / "src" / "sdc" / "__init__.py").read_text("utf-8"))
    if found is None:
        raise image.ImageError("src/sdc/__init__.py names no version")
    return found.group(1)


def _obstacles(version: str, notes: str, dist: Path) -> list[str]:
    found = []
    changes = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=False)
    if changes.stdout:
        found.append("the tree has changes that are in no commit; commit them")
    if not notes:
        found.append(f"CHANGELOG.md has no section [{version}]; give [Unreleased] that name and a date")
    if dist.is_dir() and any(dist.iterdir()):
        found.append("dist/ has files of an earlier build; remove them")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
