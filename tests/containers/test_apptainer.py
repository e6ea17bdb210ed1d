"""Apptainer's definition, built as a Containerfile by buildah, and started with what Apptainer sets."""

import subprocess
import sys
from pathlib import Path

import pytest
from container_engine import Engine

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = [pytest.mark.container, pytest.mark.timeout(1800)]
NAME = "localhost/sdc-def"


@pytest.fixture(scope="module")
def translated(cpu_image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    program = Path(sys.executable).parent / "spython"
    if not program.exists():
        pytest.skip("spython is not installed: pip install -e '.[dev]'")
    command = [str(program), "recipe", "--parser", "singularity", f"{ROOT}/containers/sdc.def"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert text.startswith("FROM sdc-gpu.tar AS ")
    folder = tmp_path_factory.mktemp("def")
    # Apptainer runs %post as root, whoever the image's user is. %test becomes a health check that no builder reads.
    text = text.replace("sdc-gpu.tar", cpu_image, 1).replace("\n", "\nUSER 0\n", 1)
    text = text.replace("\nHEALTHCHECK ", "\nRUN ")
    (folder / "Containerfile").write_text(text)
    build = ["buildah", "build", "--isolation", "chroot", "--format", "docker", "--tag", NAME, str(folder)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return NAME


def test_what_it_starts_is_sdc_with_caches_below_the_home(engine: Engine, translated: str, data: Path) -> None:
    """/cache is no volume under Apptainer: here it is read-only, as the image is."""
    locked = data.parent / "locked"
    locked.mkdir()
    places = ("--volume", f"{data}:/home/me", "--volume", f"{locked}:/cache:ro", "--workdir", "/home/me")
    apptainer = ("--env", "HOME=/home/me", "--env", "APPTAINER_CONTAINER=/home/me/sdc.sif", "--entrypoint", "sh")
    script = '. /opt/sdc/environment.sh; sdc --version; echo "$HF_HOME"; sdc doctor >/dev/null && echo healthy'
    said = engine.run(translated, "-c", script, flags=(*places, *apptainer)).splitlines()
    assert said[0].startswith("sdc ")
    assert said[1:] == ["/home/me/.cache/sdc/huggingface", "healthy"]
