"""compose.yaml's two services, started by podman-compose: a vLLM server, and sdc that asks it. No GPU, no network."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from container_engine import Engine
from waiting import until

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = [pytest.mark.container, pytest.mark.timeout(1800)]
#: The services share a network of their own that leads nowhere, as a test has no right to make one.
_HERE = """
services:
  vllm:
    network_mode: none
    environment: {VLLM_CPU_KVCACHE_SPACE: "1", OMP_NUM_THREADS: "1"}
  sdc:
    network_mode: "service:vllm"
"""
_TEACHER = "/opt/sdc/lib/python3.11/site-packages/sdc/pipelines/pocket/teacher"

Compose = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def compose(engine: Engine, gpu_image: str, data: Path, tmp_path: Path) -> Iterator[Compose]:
    program = Path(sys.executable).parent / "podman-compose"
    if not program.exists():
        pytest.skip("podman-compose is not installed: pip install podman-compose")
    (tmp_path / "here.yaml").write_text(_HERE)
    (tmp_path / "bin").mkdir()
    podman = tmp_path / "bin" / "podman"
    podman.write_text(engine.script())
    podman.chmod(podman.stat().st_mode | stat.S_IXUSR)
    files = [f"{ROOT}/containers/compose.yaml", f"{ROOT}/containers/compose.cpu.yaml", f"{tmp_path}/here.yaml"]
    start = [
        str(program),
        "--in-pod",
        "false",
        "--profile",
        "server",
        *(word for file in files for word in ("-f", file)),
    ]
    given = {
        "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
        "SDC_TAG": gpu_image,
        "SDC_USER": "12345",
        "SDC_DATA": str(data),
        "MODEL": _TEACHER,
        "VLLM_BIND": "127.0.0.1",
        "SDC_SERVER": "http://127.0.0.1:8000/v1",
        "COMPOSE_PROJECT_NAME": "sdc-test",
    }

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*start, *words], env=os.environ | given, capture_output=True, text=True, timeout=900, check=False
        )

    yield run
    run("down", "--volumes")


def test_sdc_asks_the_server_beside_it(compose: Compose) -> None:
    started = compose("up", "--detach", "vllm")
    assert started.returncode == 0, started.stderr
    probe = "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=3)"
    until(lambda: compose("exec", "-T", "vllm", "python", "-c", probe).returncode == 0, within_s=900)
    script = f"""
    sdc data add {Path(_TEACHER).parent}/examples/intent-te-train.jsonl --lang te --task intent --split train
    sdc gen --lang te --task intent --quota 1 --reply-tokens 200 --model {_TEACHER}
    """
    said = compose("run", "--rm", "-T", "sdc", "sh", "-euc", script)
    assert said.returncode == 0, said.stdout + said.stderr
    assert len(said.stdout.split()) == 2  # the keys of the data and of the texts
