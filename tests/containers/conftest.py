"""Images, built once per run of the tests, and podman."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

import container_engine
import pytest
from container_engine import Engine


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """podman, where it works and the base is there."""
    if not container_engine.has_image(container_engine.BASE):
        pytest.skip("there is no base to build on: run containers/debian-base.sh (root, debootstrap, buildah)")
    found = container_engine.engine(tmp_path_factory.mktemp("engine"))
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture(scope="session")
def cpu_image(engine: Engine) -> str:
    """The image that `just image cpu` makes of this checkout, or one that $SDC_CPU_IMAGE names.

    Layers that did not change are taken as they are; without any it takes a quarter of an hour on two crowded cores.
    """
    if named := os.environ.get("SDC_CPU_IMAGE"):
        return named
    container_engine.build("cpu")
    return "localhost/sdc:cpu"


@pytest.fixture(scope="session")
def gpu_image(engine: Engine) -> str:
    """The gpu image with vLLM's build for CPUs, where somebody built it, or one that $SDC_GPU_IMAGE names."""
    if named := os.environ.get("SDC_GPU_IMAGE"):
        return named
    if not container_engine.has_image("localhost/sdc:gpu"):
        pytest.skip("there is no gpu image here: see containers/README.md")
    return "localhost/sdc:gpu"


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A folder that belongs to the user 12345, as a person's own does."""
    folder = tmp_path / "data"
    folder.mkdir()
    os.chown(folder, 12345, 0)
    for parent in (tmp_path, *tmp_path.parents):
        if Path(gettempdir()) in parent.parents:
            parent.chmod(parent.stat().st_mode | 0o055)
    yield folder
