import json
import re
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from sdc.cache.store import Artifact, Store
from sdc.pipelines import doctor

Invoke = Callable[..., Any]


def _report(invoke: Invoke, *arguments: str) -> dict[str, dict[str, dict[str, Any]]]:
    result = invoke("doctor", "--json", *arguments)
    assert result.exit_code == 0, result.stderr
    return dict(json.loads(result.stdout))


def test_a_healthy_machine(invoke: Invoke, chain: dict[str, Artifact]) -> None:
    report = _report(invoke)
    assert set(report) == {"versions", "device", "store", "models", "engines", "environment"}
    assert report["versions"]["duckdb"]["value"] == metadata.version("duckdb")
    assert report["store"]["artifacts"]["value"] == "2 data, 1 eval, 1 gen, 1 judge, 1 sample, 1 train"
    assert report["store"]["writable"]["value"] == "yes"
    assert report["engines"]["transformers"]["value"] == "available"
    assert all(entry["ok"] for group in report.values() for entry in group.values())
    assert len(chain) == 7


def test_the_tables_show_the_same_on_a_narrow_terminal(
    invoke: Invoke, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = invoke("doctor")
    assert result.exit_code == 0
    assert "no store yet" in result.stdout
    assert not store.path.exists()
    for group in ("versions", "models", "engines"):  # none of their rows is stacked
        assert re.search(rf"^{group}\n *\n name +found", result.stdout, re.M), result.stdout


def test_a_model_that_is_missing_comes_with_the_command_that_gets_it(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    assert _report(invoke)["models"]["xlm-r-large"]["fix"] == "hf download FacebookAI/xlm-roberta-large"
    ref = tmp_path / "hub" / "models--FacebookAI--xlm-roberta-large" / "refs" / "main"
    ref.parent.mkdir(parents=True)
    ref.write_text("a" * 40)
    assert _report(invoke)["models"]["xlm-r-large"]["value"].endswith("missing")  # known, and not fetched
    snapshot = ref.parent.parent / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    entry = _report(invoke)["models"]["xlm-r-large"]
    assert entry["value"].endswith("here")
    assert entry["fix"] == ""


def test_secrets_are_never_shown(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_verysecret")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for arguments in (("doctor",), ("doctor", "--json")):
        result = invoke(*arguments)
        assert "verysecret" not in result.stdout + result.stderr
    environment = _report(invoke)["environment"]
    assert environment["HF_TOKEN"]["value"] == "set"
    assert environment["OPENAI_API_KEY"]["value"] == "not set"


def test_a_package_that_is_missing_breaks_sdc(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_NEEDED", ("duckdb", "no-such-package-of-sdc"))
    result = invoke("doctor")
    assert result.exit_code == 4
    assert "pip install no-such-package-of-sdc" in result.stderr
    assert "duckdb" in result.stdout  # the report is shown all the same


def test_a_store_that_cannot_be_read_breaks_sdc(invoke: Invoke, store: Store) -> None:
    store.path.parent.mkdir()
    store.path.write_text("a,b")
    result = invoke("doctor")
    assert result.exit_code == 3
    assert "not an sdc store" in result.stderr


def test_a_place_that_cannot_be_written_breaks_sdc(invoke: Invoke) -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("needs a file system that not even root can write (/proc)")
    result = invoke("doctor", "--store", "/proc/self/store.duckdb")
    assert result.exit_code == 3
    assert "cannot be written" in result.stderr


def test_a_damaged_reply_cache_breaks_sdc(invoke: Invoke, store: Store) -> None:
    store.replies_folder.mkdir(parents=True)
    (store.replies_folder / "cache.db").write_bytes(b"x" * 5000)
    assert invoke("doctor").exit_code == 3
