"""`just release`, but for what builds: its steps, its notes, its bills of materials, its checksums; pip's settings."""

import io
import json
import subprocess
import tarfile
from pathlib import Path

import image
import pytest
import release
import sbom

STATUS = """\
Package: gcc
Status: install ok installed
Architecture: amd64
Version: 4:12.2.0-3
Description: GNU C compiler
 Status: of no matter

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0
"""


def test_the_steps_of_a_dry_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main(["--dry-run", "--tool", "buildah"]) == 0
    said = capsys.readouterr().out
    assert "python -m build" in said
    assert "buildah push sdc:0.1.0-gpu docker-archive:dist/sdc-0.1.0-gpu.tar:sdc:0.1.0-gpu" in said
    assert "SHA256SUMS" in said


def test_notes_are_those_of_the_version() -> None:
    log = "# Log\n\n## [Unreleased]\n\n- Later.\n\n## [0.2.0] - 2026\n\n### Added\n\n- New.\n\n## [0.1.0]\n\n- Old.\n"
    assert release.release_notes(log, "0.2.0") == "### Added\n\n- New.\n"
    assert release.release_notes(log, "0.1.0") == "- Old.\n"
    assert release.release_notes(log, "0.3.0") == ""


def test_the_bill_of_materials_is_found_in_the_layers(tmp_path: Path) -> None:
    bill = json.dumps({"bomFormat": "CycloneDX"}).encode()
    archive = tmp_path / "image.tar"
    with tarfile.open(archive, "w") as outer:
        _add(outer, "manifest.json", b"[]")
        _add(outer, "1.tar", _tar({"etc/passwd": b"sdc"}))
        _add(outer, "2.tar", _tar({release.SBOM: bill}))
    assert release.sbom_of(archive) == bill
    with tarfile.open(archive, "w") as outer:
        _add(outer, "1.tar", _tar({"etc/passwd": b"sdc"}))
    with pytest.raises(image.ImageError, match=r"image\.tar has no"):
        release.sbom_of(archive)


def test_sha256sum_agrees(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"wheel")
    (tmp_path / "b.tar.gz").write_bytes(b"sdist")
    (tmp_path / "SHA256SUMS").write_text(release.checksums(tmp_path))
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "a.whl").write_bytes(b"other")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 1


def test_debian_packages_that_are_installed(tmp_path: Path) -> None:
    file = tmp_path / "status"
    file.write_text(STATUS)
    (component,) = sbom.debian_packages(file)
    assert (component["name"], component["version"]) == ("gcc", "4:12.2.0-3")
    assert component["purl"] == "pkg:deb/debian/gcc@4%3A12.2.0-3?arch=amd64"
    assert sbom.debian_packages(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("words", "said"), [(["cpu", "--build-arg", "EXTRAS"], "write NAME=VALUE"), (["tpu"], "invalid choice")]
)
def test_what_is_typed_wrongly_is_told(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        image.main(words)
    assert said in capsys.readouterr().err


def test_no_tool_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert image.main(["cpu"]) == 2
    assert capsys.readouterr().err.startswith("image: no docker (with its daemon), podman or buildah works here")


def test_words_after_two_dashes_go_to_the_tool(capsys: pytest.CaptureFixture[str]) -> None:
    assert image.main(["cpu", "--tool", "podman", "--dry-run", "--", "--no-cache", "--pull=never"]) == 0
    assert " --no-cache --pull=never --file containers/cpu.Containerfile ." in capsys.readouterr().out


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            _add(tar, name, content)
    return buffer.getvalue()
