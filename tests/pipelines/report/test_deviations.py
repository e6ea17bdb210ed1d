"""`report deviations`: settings against the presets, from artifacts whose settings are known, and the open choices."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report_store import Shelf, evaluate, put, put_run, put_sample, put_test

from sdc.cache.store import Store
from sdc.cli import defaults
from sdc.pipelines import presets, report
from sdc.pipelines.report import ReportConfig, deviations
from sdc.pipelines.stage import Context


def _configured(shelf: Shelf, **config: Any) -> None:
    """Gives the artifact that was put last its settings."""
    artifact, rows = shelf.items[-1]
    shelf.items[-1] = replace(artifact, config=config), rows


def _register(
    tmp_path: Path, *, finetune: dict[str, Any], sample: dict[str, Any], gen: dict[str, Any], model: str
) -> Any:
    shelf = Shelf(Store(tmp_path / "s.duckdb"))
    test = put_test(shelf, "te", "topic")
    written = put(shelf, "gen", "gen", "te", "topic", {"model": "llama-3-70b"})
    _configured(shelf, **gen)
    draws = put_sample(shelf, "te", "topic", "synthetic", written, {"10": 14})
    _configured(shelf, sizes_up_to=1400, **sample)
    put_run(shelf, test, "te", "topic", method="finetune", model=model, right=0.5, draw=draws["14/0"],
            source="synthetic", num_rows=14)  # fmt: skip
    _configured(shelf, method="finetune", **finetune)
    shelf.flush()
    context = Context(store=shelf.store)
    evaluate(context, ("te", "topic"))
    found = report.find(context, ReportConfig())
    return {
        (record["stage"], record["setting"]): (record["here"], record["paper"], record["code"])
        for record in deviations.run(context.store, found, defaults.of_all())
        if record["kind"] == "setting"
    }


_SIZES = presets.load("paper", "sample")["sizes"]
_GEN = {"label_style": "explanation", "near_duplicate": 1.01}


def test_what_the_paper_did_is_no_deviation(tmp_path: Path) -> None:
    found = _register(tmp_path, finetune={}, sample={"sizes": _SIZES}, gen=_GEN, model="xlm-r-large")
    assert found == {}


def test_every_setting_that_differs_stands_beside_both_presets(tmp_path: Path) -> None:
    found = _register(
        tmp_path, finetune={"dropout": 0.2, "epochs": 6}, sample={"sizes": ["10", "50", "1750"], "repeats": 3},
        gen={**_GEN, "gates": 7, "temperature": 0.9}, model="my/model",
    )  # fmt: skip
    assert found.pop(("sample", "sizes"))[0] == "10 50"  # topic ends before 1750
    assert found == {
        ("finetune", "dropout"): ("0.2", "0.3", "0.2"),
        ("finetune", "epochs"): ("6", "50", "50"),
        ("finetune", "model"): ("my/model", "xlm-r-large", "xlm-r-large"),
        ("gen", "gates"): ("on", "off", "off"),
        ("gen", "temperature"): ("0.9", "0.7", "0.7"),
        ("sample", "repeats"): ("3", "20", "20"),
    }


def test_nobody_knows_how_imported_rows_were_written(tmp_path: Path) -> None:
    found = _register(tmp_path, finetune={}, sample={"sizes": _SIZES}, gen={"digest": "0"}, model="xlm-r-large")
    assert found == {("gen", "rows"): ("imported", "written by the generator", "-")}


@pytest.mark.parametrize(
    "about", ["band", "400", "all samples", "mean over cells", "without a label", "rows on the axis"]
)
def test_what_the_text_leaves_open_is_registered(about: str) -> None:
    (choice,) = [choice for choice in deviations.open_choices() if about in choice["setting"]]
    assert choice["here"]
    assert choice["paper"]
