"""How many threads: what a container, SLURM and other programs leave of the cores."""

import os
from pathlib import Path

import pytest

from sdc.pipelines import cores


def _group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, "utf-8")


def test_the_limits_of_all_groups_above_hold(tmp_path: Path) -> None:
    _group(tmp_path, cpu__max="max 100000\n")
    _group(tmp_path / "user", cpu__max="400000 100000\n")
    _group(tmp_path / "user" / "job", cpu__max="150000 100000\n")
    assert list(cores.quotas(tmp_path, "0::/user/job\n")) == [1.5, 4.0]
    assert list(cores.quotas(tmp_path, "0::/\n")) == []


def test_the_first_version_of_groups_is_read_too(tmp_path: Path) -> None:
    _group(tmp_path / "cpu,cpuacct" / "job", cpu__cfs_quota_us="200000\n", cpu__cfs_period_us="100000\n")
    _group(tmp_path / "cpu,cpuacct", cpu__cfs_quota_us="-1\n", cpu__cfs_period_us="100000\n")
    assert list(cores.quotas(tmp_path, "4:memory:/job\n3:cpu,cpuacct:/job\n")) == [2.0]


@pytest.mark.parametrize(
    "content, busy",
    [
        ("3.50 1.00 0.50 5/200 4242\n", 3.5),
        ("3.50 1.00 0.50 1/200 4242\n", 0.0),  # the command before this one, which has ended
        ("0.10 1.00 0.50 4/200 4242\n", 0.1),
    ],
)
def test_others_keep_busy_what_they_do_now_and_did_for_a_minute(
    content: str, busy: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loadavg").write_text(content, "utf-8")
    monkeypatch.setattr(cores, "_LOAD", tmp_path / "loadavg")
    assert cores.load() == busy


def test_who_has_set_the_variable_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "_said", "")
    monkeypatch.setenv(cores.VARIABLE, "7")
    cores.settle()
    assert (os.environ[cores.VARIABLE], cores.said()) == ("7", "threads: 7, as OMP_NUM_THREADS says")


def test_others_get_the_cores_that_they_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "_said", "")
    monkeypatch.setenv(cores.VARIABLE, "")
    for name, value in (("usable", 4), ("load", 3.2)):
        monkeypatch.setattr(cores, name, lambda value=value: value)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    cores.settle()
    assert os.environ[cores.VARIABLE] == "4"
    assert cores.said() == "threads: 4, of 4 cores that may be used; others keep 3.2 of the machine's busy"
