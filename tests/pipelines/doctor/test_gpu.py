"""What `sdc doctor` says of GPUs, by answers of nvidia-smi as real machines gave them."""

import stat
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sdc.cache.store import Store
from sdc.pipelines import doctor
from sdc.pipelines.doctor import gpu
from sdc.pipelines.doctor.finding import Finding

A100_40 = "NVIDIA A100-SXM4-40GB, {driver}, 40960, Disabled"
A100_80 = "NVIDIA A100-SXM4-80GB, {driver}, 81920, Disabled"
A100_MIG = "NVIDIA A100-SXM4-40GB, {driver}, 40960, Enabled"
GEFORCE = "NVIDIA GeForce RTX 3090, {driver}, 24576, [N/A]"
DRIVERS = {"535": "535.183.01", "550": "550.54.15", "580": "580.65.06"}
LISTED = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-fcf41002-68b6-5900-d7d1-74026173bb44)
  MIG 3g.20gb     Device  0: (UUID: MIG-e07a497d-1bb6-5a42-b670-1c33bf55ab6e)
  MIG 1g.5gb      Device  1: (UUID: MIG-90155500-9a09-5016-9746-95ef09bd78a6)
  MIG 1g.5gb      Device  2: (UUID: MIG-f72f2f8c-9d0b-5b2f-8a7a-3a3c6f3f1d11)
"""
NO_DRIVER = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA "
    "driver is installed and running.\n"
)
MODULE = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {driver}  Thu Oct 19 18:56:32 UTC 2023\nGCC version:  gcc\n"
OPEN_MODULE = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {driver}  Release Build  (buildd@host)\n"

Machine = Callable[..., None]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine whose nvidia-smi says what it is told to say; without words it has none."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(gpu, "_MODULE", tmp_path / "module")
    monkeypatch.setenv("SDC_CUDA_COMPAT", str(tmp_path / "compat"))
    for name in ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH"):
        monkeypatch.delenv(name, raising=False)

    def make(
        answer: str | None = None, *, listed: str = "", code: int = 0, module: str = "", compat: bool = False
    ) -> None:
        (tmp_path / "bin").mkdir()
        if module:
            (tmp_path / "module").write_text(module)
        if compat:
            (tmp_path / "compat").mkdir()
            (tmp_path / "compat" / "libcuda.so.1").touch()
        if answer is not None:
            (tmp_path / "answer").write_text(answer)
            (tmp_path / "listed").write_text(listed)
            program = tmp_path / "bin" / "nvidia-smi"
            choice = f'file={tmp_path}/answer; [ "$1" != -L ] || file={tmp_path}/listed'
            program.write_text(f'#!/bin/sh\n{choice}\nwhile read -r line; do echo "$line"; done <$file\nexit {code}\n')
            program.write_text(program.read_text().replace("read -r", "IFS= read -r"))
            program.chmod(program.stat().st_mode | stat.S_IXUSR)

    return make


def _said(
    *, cuda: str | None = "13.0", seen: int = 0, in_container: bool = False, said: str = ""
) -> dict[str, Finding]:
    return {item.name: item for item in gpu.examine(cuda=cuda, seen=seen, in_container=in_container, said=said)}


def test_no_driver_and_a_torch_for_cpus_is_no_fault(machine: Machine) -> None:
    machine()
    assert _said(cuda=None)["driver"] == Finding(group="device", name="driver", value="none")


def test_no_driver_in_a_container_names_the_flags_that_bring_the_gpus(machine: Machine) -> None:
    machine()
    fix = _said(in_container=True)["driver"].fix
    assert "--gpus all" in fix
    assert "nvidia.com/gpu=all" in fix
    assert "--nv" in fix
    assert "install its driver" in _said()["driver"].fix


def test_a_driver_that_does_not_answer_is_told_in_its_own_words(machine: Machine) -> None:
    machine(NO_DRIVER, code=9)
    found = _said()["driver"]
    assert found.value.startswith("NVIDIA-SMI has failed because it couldn't communicate")
    assert "restart" in found.fix


@pytest.mark.parametrize("module", [MODULE, OPEN_MODULE])
def test_without_nvidia_smi_the_kernel_says_the_version(machine: Machine, module: str) -> None:
    machine(module=module.format(driver=DRIVERS["580"]))
    found = _said(in_container=True)["driver"]
    assert found.value == "580.65.06, nvidia-smi is not here"
    assert "--gpus all" in found.fix
    assert _said(seen=1)["driver"].fix == ""


@pytest.mark.parametrize("card", [A100_40, A100_80])
def test_driver_580_serves_cuda_13(machine: Machine, card: str) -> None:
    machine(card.format(driver=DRIVERS["580"]) + "\n")
    found = _said(seen=1)
    assert found["driver"].value == "580.65.06"
    assert found["driver"].fix == ""
    assert "mig slices" not in found


def test_cards_are_counted_with_their_memory(machine: Machine) -> None:
    rows = [A100_40, A100_80, A100_80]
    machine("".join(row.format(driver=DRIVERS["580"]) + "\n" for row in rows))
    said = _said(seen=3)["gpus"].value
    assert said == "1 x NVIDIA A100-SXM4-40GB, 40 GiB; 2 x NVIDIA A100-SXM4-80GB, 80 GiB"


@pytest.mark.parametrize("name", ["535", "550"])
def test_an_older_driver_on_an_a100_is_served_by_forward_compatibility(machine: Machine, name: str) -> None:
    machine(A100_80.format(driver=DRIVERS[name]) + "\n")
    found = _said()["driver"]
    assert found.value == f"{DRIVERS[name]}, older than the 580 that CUDA 13.0 wants"
    assert "cuda-compat-13-0" in found.fix
    assert _said(cuda="12.8", seen=1)["driver"].fix == ""
    at_work = _said(seen=1)["driver"]
    assert at_work.value.endswith("forward compatibility is at work")
    assert at_work.fix == ""


def test_where_the_image_has_the_library_the_fix_is_one_variable(machine: Machine, tmp_path: Path) -> None:
    machine(A100_40.format(driver=DRIVERS["535"]) + "\n", compat=True)
    assert f"export LD_LIBRARY_PATH={tmp_path / 'compat'}:" in _said(in_container=True)["driver"].fix


def test_geforce_and_drivers_of_old_need_another_driver(machine: Machine) -> None:
    machine(GEFORCE.format(driver=DRIVERS["550"]) + "\n", compat=True)
    fix = _said()["driver"].fix
    assert "install driver 580" in fix
    assert "LD_LIBRARY_PATH" not in fix


def test_before_535_there_is_no_forward_compatibility(machine: Machine) -> None:
    machine(A100_40.format(driver="470.103.01") + "\n", compat=True)
    assert "begins at 535" in _said()["driver"].fix


def test_mig_slices_are_counted_and_one_is_named(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(A100_MIG.format(driver=DRIVERS["580"]) + "\n", listed=LISTED)
    found = _said(seen=1)
    assert found["gpus"].value == "1 x NVIDIA A100-SXM4-40GB, 40 GiB, MIG"
    assert found["mig slices"].value == "3 slices (1 x 3g.20gb, 2 x 1g.5gb)"
    assert "CUDA_VISIBLE_DEVICES=MIG-e07a497d-1bb6-5a42-b670-1c33bf55ab6e" in found["mig slices"].fix
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-90155500-9a09-5016-9746-95ef09bd78a6")
    assert _said(seen=1)["mig slices"].fix == ""


def test_mig_without_slices_is_for_the_administrator(machine: Machine) -> None:
    machine(A100_MIG.format(driver=DRIVERS["580"]) + "\n", listed=LISTED.splitlines()[0])
    found = _said()
    assert "administrator" in found["mig slices"].fix
    assert found["driver"].fix == ""


def test_a_card_that_torch_does_not_use_is_told_with_the_reason(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(A100_80.format(driver=DRIVERS["580"]) + "\n")
    found = _said(said="CUDA initialization: Error 802: system not yet initialized")["driver"]
    assert found.value == (
        "580.65.06, but torch uses no GPU (CUDA initialization: Error 802: system not yet initialized)"
    )
    assert "nvidia-fabricmanager" in found.fix
    assert "NVIDIA_DRIVER_CAPABILITIES=compute,utility" in _said(in_container=True)["driver"].fix
    assert "LD_LIBRARY_PATH" in _said()["driver"].fix
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert "CUDA_VISIBLE_DEVICES='7' may name no GPU of this machine" in _said()["driver"].fix
    assert _said(seen=1)["driver"] == Finding(group="device", name="driver", value="580.65.06")


def test_torchs_own_words_are_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    card = gpu.Gpu(name="NVIDIA A100-SXM4-80GB", memory_mib=81920, has_mig=False)
    monkeypatch.setattr(gpu, "ask", lambda: gpu.Answer(driver="580.65.06", cards=[card]))
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(warnings.warn("CUDA: Error 802\nmore", stacklevel=1)))
    found = {item.name: item for item in doctor.examine(Store(tmp_path / "store.duckdb"))}
    assert found["driver"].value == "580.65.06, but torch uses no GPU (CUDA: Error 802)"


def test_a_card_beside_a_torch_for_cpus_is_of_no_use(machine: Machine) -> None:
    machine(A100_80.format(driver=DRIVERS["580"]) + "\n")
    assert "take the gpu image" in _said(cuda=None)["driver"].fix


def test_forward_compatibility_that_does_not_serve_is_not_advised_again(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(A100_80.format(driver=DRIVERS["550"]) + "\n", compat=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{tmp_path / 'compat'}:/other")
    assert "does not serve this card: ask for driver 580" in _said()["driver"].fix
