"""Experiments on Ray that never get there: no Ray, no address, nothing that answers."""

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from experiment_files import small, write_for_ray

from sdc.cache.store import Store
from sdc.errors import EngineError, UsageError
from sdc.pipelines.run.executors import of_site
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context


def _connect(store: Store, address: str | None = None) -> None:
    of_site(Context(store=store), Site(name="far", executor="ray", address=address))


@pytest.fixture
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Variables that are set for Ray are gone afterwards."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.usefixtures("_own_environment")
def test_ray_that_is_not_installed_is_one_line(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EngineError) as caught:
        _connect(store)
    assert str(caught.value) == (
        "site far: Ray is not installed; install it with `pip install -e '.[ray]'` in the folder of sdc, here and on"
        " every machine of the cluster"
    )


@pytest.mark.usefixtures("_own_environment")
@pytest.mark.parametrize("address", ["ray://head:10001", "http://127.0.0.1:8265"])
def test_an_address_of_another_kind_is_refused(store: Store, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"site far: '.*' is not the address of a head node; run sdc on a machine"):
        _connect(store, address)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UsageError, match="RAY_ADDRESS: "):
        _connect(store)


@pytest.fixture
def _no_ray() -> Iterator[str]:
    """The address of something that talks, and is no Ray."""
    pytest.importorskip("ray")
    with socket.create_server(("0.0.0.0", 0)) as server:

        def answer() -> None:
            with suppress(OSError):
                there, _ = server.accept()
                with there:
                    there.recv(1000)
                    there.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
    thread.join()


@pytest.mark.usefixtures("_own_environment")
def test_what_is_no_ray_is_known_at_once(store: Store, _no_ray: str) -> None:
    with pytest.raises(EngineError, match=r"no Ray cluster can be had at .* \(what listens there is no Ray\)"):
        _connect(store, _no_ray)


def test_an_address_that_is_down_is_one_line_and_exit_code_4(tmp_path: Path, run_sdc: Callable[..., Any]) -> None:
    pytest.importorskip("ray")
    with socket.socket() as unused:  # bound, and nobody listens
        unused.bind(("0.0.0.0", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        write_for_ray(tmp_path, small(lang='"te"', sizes='"10"', repeats=1), address)
        ended = run_sdc("run", "mine.toml", "--on", "far", env={"SDC_SITES": str(tmp_path / "sites.toml")})
    assert (ended.returncode, ended.stdout) == (4, "")
    assert ended.stderr.splitlines()[-1] == (
        f"sdc: site far: no Ray cluster can be had at {address} (connection refused); see `ray status` there; a cluster"
        " with tokens needs RAY_AUTH_MODE=token and RAY_AUTH_TOKEN here, too"
    )
    assert "Traceback" not in ended.stderr
