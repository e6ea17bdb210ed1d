"""The file of an experiment: what may stand in it, what is said of what may not."""

from pathlib import Path
from typing import Any

import pytest
from experiment_files import loaded, small

from sdc.cache.store import Store
from sdc.errors import DataError, SdcError, UsageError
from sdc.pipelines.run import file, sites
from sdc.pipelines.run.experiment import Experiment
from sdc.pipelines.run.plan import config_of
from sdc.pipelines.stage import Context
from sdc.pipelines.train import TrainConfig

SMALL = small(source='["human"]', sizes='["10", "20"]', repeats=2)


def _load(tmp_path: Path, text: str = SMALL, **how: Any) -> Experiment:
    return loaded(tmp_path, text, **how)


def test_a_file_says_what_is_run(tmp_path: Path) -> None:
    found = _load(tmp_path)
    assert (found.name, found.preset, found.seed, found.data) == ("small", "sdc", 1337, "bundled")
    assert [str(cell) for cell in found.cells(Store(tmp_path / "s"))] == ["te/topic", "sw/topic"]
    assert [(line.method, line.sources) for line in found.lines] == [("linear", ("human",))]


@pytest.mark.parametrize("name", file.bundled())
def test_bundled_experiments_are_right(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDC_PAPER_DATA", str(tmp_path))
    assert file.load(name).cells(Store(tmp_path / "s"))


def test_lists_in_a_table_are_crossed_and_tables_are_added_up(tmp_path: Path) -> None:
    text = SMALL + '[[students]]\nmethod = "finetune"\nmodel = ["a", "b"]\nepochs = [1, 2]\n'
    lines = [str(line) for line in _load(tmp_path, text).lines]
    assert lines == [
        "linear", "finetune a epochs 1", "finetune a epochs 2", "finetune b epochs 1", "finetune b epochs 2"
    ]  # fmt: skip


def test_seeds_of_a_table_are_crossed_with_the_draws(tmp_path: Path) -> None:
    text = SMALL + '[[students]]\nmethod = "finetune"\nmodel = "pocket-student"\ninit_seed = [1, 2]\norder_seed = 7\n'
    experiment = _load(tmp_path, text)
    context = Context(store=Store(tmp_path / "s.duckdb"))
    configs = [config_of(context, experiment, line) for line in experiment.lines[1:]]
    assert [isinstance(config, TrainConfig) and config.init_seed for config in configs] == [1, 2]
    seeds = [config.seeds(repeat) for config in configs if isinstance(config, TrainConfig) for repeat in (0, 1)]
    assert [(one.init, one.order) for one in seeds] == [(1, 7), (1, 7), (2, 7), (2, 7)]
    with pytest.raises(UsageError, match="unknown key 'init_seed'"):
        _load(tmp_path, SMALL + '[[students]]\nmethod = "linear"\ninit_seed = 1\n')  # it has no chance


def test_a_list_that_is_one_setting_is_not_crossed(tmp_path: Path) -> None:
    text = SMALL + '[[students]]\nmethod = "lora"\ntargets = ["q_proj", "v_proj"]\n'
    assert _load(tmp_path, text).lines[1].settings["targets"] == ("q_proj", "v_proj")


def test_zero_shots_take_no_draw_and_baselines_come_first(tmp_path: Path) -> None:
    text = SMALL + '[generator]\nmodel = "m"\n[[baselines]]\nmethod = "icl"\nmodel = "@generator"\nshots = 0\n'
    first, second = _load(tmp_path, text).lines
    assert (first.settings["model"], first.sources, first.is_baseline) == ("m", (), True)
    assert not second.is_baseline


def test_exclude_leaves_out_cells_and_sources(tmp_path: Path) -> None:
    text = SMALL.replace('source = ["human"]', 'source = ["human", "synthetic"]').replace(
        "[data]", 'exclude = [{ lang = "te" }, { lang = "sw", source = "human" }]\n[data]'
    )
    found = _load(tmp_path, text)
    (cell,) = found.cells(Store(tmp_path / "s"))
    assert (str(cell), found.sources_of(cell)) == ("sw/topic", ["synthetic"])


def test_set_and_only(tmp_path: Path) -> None:
    text = SMALL + '[[students]]\nmethod = "icl"\nshots = 2\n'
    changes = ["sample.repeats=3", "sample.sizes=10,50", "students.1.shots=4", "name=other"]
    found = _load(tmp_path, text, changes=changes)
    assert (found.sample["repeats"], found.sample["sizes"], found.name) == (3, ("10", "50"), "other")
    assert found.lines[1].settings["shots"] == 4
    only = _load(tmp_path, text, only=["students.method=icl", "cells.lang=sw"])
    assert [line.method for line in only.lines] == ["icl"]
    assert [cell.lang for cell in only.cells(Store(tmp_path / "s"))] == ["sw"]


def test_names_in_braces_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SMALL.replace('"bundled"', '"paper:${MY_DATA}/x"')
    with pytest.raises(UsageError, match=r"\$\{MY_DATA\} is not in the environment.*export MY_DATA"):
        _load(tmp_path, text)
    monkeypatch.setenv("MY_DATA", "/somewhere")
    assert _load(tmp_path, text).data == "paper:/somewhere/x"


STUDENT = "[[students]]\nmethod = 'linear'\n"
WRONG = {
    "no toml": ("name = ", "not valid TOML"),
    "unknown table": ("[samples]\n" + STUDENT, "unknown key 'samples'; did you mean 'sample'"),
    "unknown key of sample": ("[sample]\nrepeat = 3\n" + STUDENT, "unknown key 'repeat'; did you mean 'repeats'"),
    "unknown key of cells": ("[cells]\nlanguage = 'te'\n" + STUDENT, "unknown key 'language'"),
    "unknown key of a student": (STUDENT + "epoch = 3\n", "unknown key 'epoch'"),
    "unknown key of the generator": ("[generator]\nquotas = 3\n" + STUDENT, "did you mean 'quota'"),
    "unknown key of stop": ("[stop]\nhour = 3\n" + STUDENT, "did you mean 'hours'"),
    "unknown key of order": ("[order]\nbye = 'cell'\n" + STUDENT, "unknown key 'bye'; did you mean 'by'"),
    "unknown key of data": ("[data]\nform = 'hub'\n" + STUDENT, "unknown key 'form'; did you mean 'from'"),
    "unknown order": ("[order]\nby = 'cells'\n" + STUDENT, "unknown order 'cells'.*did you mean 'cell'"),
    "unknown method": ("[[students]]\nmethod = 'liner'\n", "unknown method 'liner'; did you mean 'linear'"),
    "no method": ("[[students]]\nmodel = 'a'\n", "unknown method"),
    "no student": ("name = 'x'\n", r"there is no student; add \[\[students\]\]"),
    "a table that is none": ("sample = 3\n" + STUDENT, r"sample is no table; write \[sample\]"),
    "students that are no tables": ("students = 3\n", r"write \[\[students\]\]"),
    "a text for a number": ("[sample]\nrepeats = 'many'\n" + STUDENT, "'many' is no int"),
    "a truth for a number": ("[sample]\nrepeats = true\n" + STUDENT, "'True' is no int"),
    "a number for a text": ("name = 3\n" + STUDENT, "'3' is no str"),
    "an unknown preset": ("preset = 'papers'\n" + STUDENT, "unknown preset 'papers'"),
    "an unknown source": ("[sample]\nsource = 'humans'\n" + STUDENT, "unknown source 'humans'"),
    "a source without a draw": ("[[students]]\nmethod = 'linear'\nsource = 'human'\n", "no draw is of source 'human'"),
    "a generator that is none": ("[[baselines]]\nmethod='icl'\nmodel='@generator'\n" + STUDENT, "without a generator"),
    "half a cell": ("[cells]\nalso = [{ task = 'topic' }]\n" + STUDENT, "task and lang belong together"),
    "a cell that is no table": ("[cells]\nalso = ['topic']\n" + STUDENT, "no list of tables"),
}


@pytest.mark.parametrize("text, said", WRONG.values(), ids=WRONG)
def test_what_may_not_stand_there_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        _load(tmp_path, text)
    assert "mine.toml" in str(caught.value) or "unknown preset" in said or "unknown source" in said


@pytest.mark.parametrize(
    "how, said",
    [
        ({"changes": ["sample.repeats"]}, "is not PATH=VALUE"),
        ({"changes": ["students.7.epochs=3"]}, "leads nowhere"),
        ({"changes": ["name.first=3"]}, "leads nowhere"),
        ({"only": ["students.method"]}, "selects nothing"),
        ({"only": ["student.method=linear"]}, "did you mean 'students.method'"),
        ({"only": ["students.method=lora"]}, "no student is left"),
    ],
)
def test_set_and_only_say_what_is_wrong(how: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        _load(tmp_path, **how)


def test_no_cell_is_left(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no cell is left"):
        _load(tmp_path, only=["cells.lang=en"]).cells(Store(tmp_path / "s"))


@pytest.mark.parametrize("name, kind", [("nothing", UsageError), ("missing.toml", DataError)])
def test_a_file_that_is_not_there(name: str, kind: type[SdcError]) -> None:
    with pytest.raises(kind, match=r"laptop|cannot read the experiment"):
        file.load(name)


# -- sites ---------------------------------------------------------------------------------------------------------


def _site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, name: str | None) -> sites.Site:
    path = tmp_path / "sites.toml"
    path.write_text(text, "utf-8")
    monkeypatch.setenv("SDC_SITES", str(path))
    return sites.load(name)


def test_a_site_is_a_table_and_this_machine_needs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '[a]\nexecutor = "slurm"\npartition = "gpu"\nsetup = "module load x"\nprice_per_hour = 2\n'
    found = _site(tmp_path, monkeypatch, text, "a")
    assert (found.executor, found.setup, found.price_per_hour) == ("slurm", ("module load x",), 2.0)
    assert _site(tmp_path, monkeypatch, text, None).executor == "local"
    assert _site(tmp_path, monkeypatch, "[local]\nworkers = 3\n", None).workers == 3


@pytest.mark.parametrize(
    "text, said",
    [
        ('[a]\nexecutor = "slurm"\n', "without a partition"),
        ('[a]\nexecutor = "raay"\n', "unknown executor 'raay'; did you mean 'ray'"),
        ('[a]\npartitions = "x"\n', "did you mean 'partition'"),
        ("[a]\nworkers = 0\n", "0 workers"),
        ("[a]\ngpus_per_worker = 0\n", "0 GPUs per worker; use a share of one"),
        ("[a]\ngpus_per_worker = 1.5\n", "1.5 GPUs per worker; use a share of one"),
        ('[a]\nexecutor = "slurm"\npartition = "gpu"\nsetup = ["module load x\\nrm y"]\n', "has a line break"),
        ('[a]\nexecutor = "slurm"\npartition = "gpu"\nmax_tasks = 0\n', "max_tasks = 0; use 1 or more"),
        ("[a]\nworkers = 'two'\n", "workers"),
        ("a = 3\n", "no table"),
        ("[b]\n", "there is no site 'a'"),
        ("[b", "not valid TOML"),
    ],
)
def test_what_is_wrong_with_a_site_is_one_line(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=said):
        _site(tmp_path, monkeypatch, text, "a")


@pytest.mark.parametrize(
    "content, said",
    [(b"[a]\n# \xff\n", r"it is not UTF-8\); save it as UTF-8"), (None, r"is a directory\); check the path")],
)
def test_a_file_of_sites_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, said: str
) -> None:
    path = tmp_path / "sites.toml"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    monkeypatch.setenv("SDC_SITES", str(path))
    with pytest.raises(DataError, match=rf"sites\.toml: cannot read the sites \((?i:{said})"):
        sites.load("a")


def test_strategy_weight_and_calibration_can_be_named(tmp_path: Path) -> None:
    text = small(source='["synthetic", "seeds+synthetic"]', sizes='["10"]', repeats=1)
    text = text.replace("[sample]\n", '[sample]\nstrategy = "coverage"\nseed_weight = 5\nseeds_from = "human"\n')
    text += '[[students]]\nmethod = "probe"\ncalibrate = ["none", "seeds"]\n'
    experiment = _load(tmp_path, text)
    assert experiment.sample["strategy"] == "coverage"
    assert experiment.sample["seed_weight"] == 5
    context = Context(store=Store(tmp_path / "s.duckdb"))
    configs = [config_of(context, experiment, line) for line in experiment.lines[1:]]
    assert [config.calibrate for config in configs if isinstance(config, TrainConfig)] == ["none", "seeds"]
    with pytest.raises(UsageError, match="no source has seeds"):
        _load(tmp_path, SMALL.replace("[sample]\n", "[sample]\nseed_weight = 5\n"))
    with pytest.raises(UsageError, match="unknown key 'encoding'"):
        _load(tmp_path, SMALL.replace("[sample]\n", '[sample]\nencoding = "x"\n'))
