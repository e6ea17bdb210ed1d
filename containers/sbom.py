"""Writes the software bill of materials of an image (CycloneDX 1.6): Python's packages, and Debian's.

`python sbom.py /opt/sdc sbom.cdx.json`, with cyclonedx-bom installed beside this Python. The same packages give
the same bytes: no time, no serial number. Here: what is installed. Not here: what wheels have
within themselves.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def debian_packages(status: Path) -> list[dict[str, Any]]:
    """Returns the installed packages of dpkg's status file as components, by name; none where there is no such file."""
    if not status.is_file():
        return []
    components = []
    for paragraph in status.read_text("utf-8").split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and not line.startswith(" ")
        )
        if fields.get("Status") != "install ok installed":
            continue
        name, version = fields["Package"], fields["Version"]
        purl = f"pkg:deb/debian/{name}@{version.replace('+', '%2B').replace(':', '%3A')}?arch={fields['Architecture']}"
        components.append({"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl})
    return sorted(components, key=lambda component: str(component["name"]))


def document(environment: Path, status: Path) -> dict[str, Any]:
    """Returns the bill of materials of a virtual environment and of the Debian below it.

    Raises:
        subprocess.CalledProcessError: cyclonedx-py cannot read the environment.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "python.json"
        command = [f"{Path(sys.executable).parent}/cyclonedx-py", "environment", "--output-reproducible"]
        options = ["--spec-version", "1.6", "--of", "JSON", "--output-file", str(file)]
        subprocess.run([*command, *options, f"{environment}/bin/python"], check=True)
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    found["components"] += debian_packages(status)
    return found


if __name__ == "__main__":
    environment, output = map(Path, sys.argv[1:])
    text = json.dumps(document(environment, Path("/var/lib/dpkg/status")), indent=1, sort_keys=True)
    output.write_text(text + "\n", "utf-8")
