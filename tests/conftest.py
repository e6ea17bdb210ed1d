"""Fixtures that all tests share: a store, a store with one artifact of every stage, the paper's data, the program."""

import gc
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import hypothesis
import once
import pytest
from _pytest.mark.expression import Expression
from held_store import HeldStore

from sdc.cache import engine, file
from sdc.cache.file import StoreFile
from sdc.cache.key import recipe_key
from sdc.cache.store import Artifact, Rows, Store
from sdc.pipelines import ending

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ROOT = Path(__file__).parent.parent
#: Before anything else is registered for the end.
_ending = ending.AtOnce()


class RunSdc(Protocol):
    """Runs the real program in its own process."""

    def __call__(
        self, *arguments: str, stdin: str | None = None, env: Mapping[str, str] | None = None, timeout_s: float = 120
    ) -> "subprocess.CompletedProcess[str]": ...


def pytest_configure() -> None:
    """Lets Ctrl-C reach the programs that tests start: what a shell runs with `&` ignores it, as do its children.

    No example of hypothesis has a deadline: the first one may import a library, on a machine that does much else.
    """
    hypothesis.settings.register_profile("sdc", deadline=None)
    hypothesis.settings.load_profile("sdc")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """As many workers as cores that are ours: with more, the same tests take more of the cores' time."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only tests with markers are asked for, files that name none are not imported: importing all takes 15 s."""

    def has_no_marker(name: str, /, **more: str | int | bool | None) -> bool:
        return False

    wanted = config.getoption("markexpr")
    if collection_path.suffix != ".py" or not wanted or Expression.compile(wanted).evaluate(has_no_marker):
        return None
    ours = "|".join(re.findall(r"^(\w+):", "\n".join(config.getini("markers")), re.M))
    return None if re.search(rf"(?:mark\.|NEEDS_)(?:{ours})\b", collection_path.read_text("utf-8"), re.I) else True


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """None of what is imported and collected is rubbish: looking through it again and again took 2 of 10 s."""
    if "PYTEST_XDIST_WORKER" in os.environ and session.config.args_source is session.config.ArgsSource.TESTPATHS:
        _rewrite_share(session.config)
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def _rewrite_share(config: pytest.Config) -> None:
    """Rewrites the assertions of one in so many files, where nobody did: else each worker would do all at once."""
    from _pytest.assertion import rewrite

    number, workers = int(os.environ["PYTEST_XDIST_WORKER"][2:]), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    for test in sorted((ROOT / "tests").rglob("test_*.py"))[number::workers]:
        kept = rewrite.get_cache_dir(test) / f"{test.stem}{rewrite.PYC_TAIL}"
        if rewrite._read_pyc(test, kept) is None:
            digest, code = rewrite._rewrite_test(test, config)
            kept.parent.mkdir(exist_ok=True)
            rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, digest, kept)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(exitstatus: int) -> None:
    """Ends as sdc does, without taking all modules apart, which took seconds of every worker."""
    _ending.code = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that have a time limit of their own, which take long, come first: no worker waits for one at the end.

    Each worker begins with one of those that wait most, for clusters: the others fill that time.
    """
    waits, others = list[pytest.Item](), list[pytest.Item]()
    for item in items:
        (waits if any(map(item.get_closest_marker, ("ray", "slurm"))) else others).append(item)
    others.sort(key=lambda item: item.get_closest_marker("timeout") is None)
    end, num_workers = 0, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if len(items) < num_workers * len(waits):
        num_workers = 1
    for worker in range(num_workers):  # each is given a stretch, as xdist cuts them
        start, end = end, end + (len(items) - end) // (num_workers - worker)
        first = waits[worker::num_workers]
        num_others = end - start - len(first)
        items[start:end] = [*first, *others[:num_others]]
        del others[:num_others]


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A test must not meet the store, the home of models, the network or killed commands of whoever runs it."""
    folder = tmp_path_factory.getbasetemp() / "temporary"
    folder.mkdir(exist_ok=True)
    temporary = tempfile.mkdtemp(dir=folder)  # pytest's own would look through all that are there, every time
    monkeypatch.setenv("TMPDIR", temporary)
    monkeypatch.setattr(tempfile, "tempdir", temporary)
    for name in (
        "SDC_STORE", "SDC_LOCK_TIMEOUT_S", "SDC_CALL_JOURNAL", "SDC_SERVER", "SDC_PRICES", "SDC_API_KEY",
        "OPENAI_API_KEY", "COLUMNS", "SDC_LANG", "SDC_TASK", "SDC_MODEL", "SDC_LOG",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session", autouse=True)
def _once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is made once for all workers stands in a folder that all of them have."""
    folder = tmp_path_factory.getbasetemp()
    once.FOLDER = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "once"
    once.FOLDER.mkdir(exist_ok=True)


@pytest.fixture(autouse=True)
def _empty_stores(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The first empty store is made as always; later ones are copies of it, for that takes a tenth of the time.

    Tests of how they are made (`from_nothing`) make every one.
    """
    if "from_nothing" in request.fixturenames:
        return
    make = StoreFile._make

    def copied(new: StoreFile) -> None:
        version = vars(file)["MIGRATIONS"]  # another one in tests of older stores
        empty = _EMPTY.get(version)
        if empty is not None:
            temporary = new.path.with_name(".empty.tmp")
            with suppress(OSError):  # where nothing can be made, the product says so
                new.place.make_home()
                try:
                    temporary.write_bytes(empty)
                    temporary.chmod(0o600)
                    os.link(temporary, new.path)
                finally:
                    temporary.unlink(missing_ok=True)
                return
        make(new)
        _EMPTY[version] = new.path.read_bytes()

    monkeypatch.setattr(StoreFile, "_make", copied)


_EMPTY: dict[tuple[Callable[..., None], ...], bytes] = {}


@pytest.fixture(autouse=True)
def _one_duckdb(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """DuckDB is started once for the stores of all tests, whose folder it may reach: a start takes 14 ms.

    Tests of what it may reach (`from_nothing`) have one for each store, which reaches that alone.
    """
    if "from_nothing" in request.fixturenames:
        return
    root = Path(os.path.realpath(tmp_path_factory.getbasetemp()))
    start = engine._started

    def started(path: Path, *more: Path) -> "DuckDBPyConnection":
        import duckdb

        if more or root not in path.parents:
            return start(path, *more)
        with suppress(KeyError):
            _, idle = engine._idle.popitem()
            if idle in _OF_ALL:
                return idle
        con = duckdb.connect(":memory:", config={**engine.OPTIONS, "temp_directory": f"{root}/duckdb.tmp"})
        con.execute(f"set allowed_directories = [{engine.quoted(root)}]")
        con.execute("set enable_external_access = false")
        _OF_ALL.append(con)
        return con

    monkeypatch.setattr(engine, "_started", started)


_OF_ALL: "list[DuckDBPyConnection]" = []


@pytest.fixture(autouse=True)
def _held_store(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, _one_duckdb: None
) -> Iterator[None]:
    """A test's store stays open until somebody could see that. Those of tests of the store (`tests/cache`) do not."""
    held = HeldStore(Path(os.path.realpath(tmp_path_factory.getbasetemp())))
    held.install(monkeypatch)
    yield
    held.end()


@pytest.fixture
def from_nothing() -> None:
    """Every store of a test is made, and opened by a DuckDB of its own, as the product does it."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store that does not exist yet, in a folder of its own."""
    return Store(tmp_path / "store" / "store.duckdb", lock_timeout_s=30)


@pytest.fixture(scope="session")
def paper_data() -> Path:
    """The paper's data, which is for development and never part of the repository."""
    folder = ROOT.parent / "shared" / "data" / "paper"
    if not (folder / "README.md").is_file():
        pytest.skip("the paper's data is not there (../shared/data/paper)")
    return folder


@pytest.fixture
def run_sdc(tmp_path: Path) -> RunSdc:
    """`run_sdc("store", "ls")` runs the program in `tmp_path`, with `$SDC_STORE` where the fixture `store` is."""

    def run(
        *arguments: str, stdin: str | None = None, env: Mapping[str, str] | None = None, timeout_s: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "sdc", *arguments],
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            cwd=tmp_path,
            env={**os.environ, "SDC_STORE": str(tmp_path / "store" / "store.duckdb"), **(env or {})},
            timeout=timeout_s,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `sdc` and `python` that start at once, for a PATH or a command: forks of what has imported all."""
    from warm import programs

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # one for all workers
        return programs(folder.parent, owner=os.getppid())
    return programs(folder, owner=os.getpid())


@pytest.fixture
def invoke(store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`invoke("store", "ls")` runs a command in this process and returns exit code, stdout and stderr."""
    monkeypatch.setenv("SDC_STORE", str(store.path))

    def run(*arguments: str, stdin: str | None = None) -> Any:
        import program

        return program.sdc(arguments, stdin=stdin)

    return run


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs of an experiment on this machine are made by this process, not by workers of their own."""
    from in_process import InProcess

    from sdc.pipelines.run.array import element
    from sdc.pipelines.run.executors import local

    for module in (local, element):
        monkeypatch.setattr(module, "LocalExecutor", InProcess)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """torch computes with one thread: the models of the tests are too small for more, and sums come out the same."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def make() -> Callable[..., Artifact]:
    """`make("data", "te", config={...})` returns an artifact with the key of its recipe."""
    return _artifact


@pytest.fixture
def chain(store: Store, _chain: tuple[Path, dict[str, Artifact]]) -> dict[str, Artifact]:
    """One small, consistent artifact of every stage, in `store`; train and test data are `data` and `test`."""
    folder, artifacts = _chain
    shutil.copytree(folder, store.path.parent, dirs_exist_ok=True)
    return dict(artifacts)


@pytest.fixture(scope="session")
def _chain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Artifact]]:
    """The folder of a store with that chain, which is copied: it takes longer to make than most tests."""
    store = Store(tmp_path_factory.mktemp("chain") / "store.duckdb")
    items: dict[str, tuple[Artifact, Rows]] = {}

    def add(name: str, artifact: Artifact, rows: Rows) -> Artifact:
        items[name] = (artifact, rows)
        return artifact

    texts = ["ఒకటి", "two", 'three, "3"', "four"]
    data = add("data", _artifact("data", config={"digest": "a"}, summary={"rows": 4, "split": "train"}), _human(texts))
    test = add(
        "test", _artifact("data", config={"digest": "b"}, summary={"rows": 2, "split": "test"}), _human(["x", "y"])
    )
    gen = add("gen", _artifact("gen", config={"seed": 1}, inputs=[data.key]), _human(["s", "t", "u"], "synthetic"))
    judge = add(
        "judge",
        _artifact("judge", inputs=[gen.key]),
        {
            "verdicts": [
                {"idx": i, "example_key": gen.key, "accepted": i < 2, "judged_by": "gate:copy"} for i in range(3)
            ]
        },
    )
    draw = {"draw": "d1", "lang": "te", "task": "topic", "source": "synthetic", "strategy": "balanced", "size": "10"}
    add(
        "sample",
        _artifact("sample", inputs=[judge.key]),
        {"draws": [{**draw, "repeat": 0, "num_rows": 2, "example_key": gen.key, "members": [1, 0]}]},
    )
    run = {"lang": "te", "task": "topic", "method": "linear", "model": "tfidf", "draw": "d1", "num_rows": 2}
    train = add(
        "train",
        _artifact("train", config={"draw": "d1"}, inputs=[test.key]),
        {
            "runs": [{**run, "setting": "s", "test_key": test.key, "status": "ok", "source": "synthetic"}],
            "outputs": [{"idx": i, "scores": [0.25, 0.75]} for i in range(2)],
        },
    )
    metric = {"run": train.key, "reader": "scores", "metric": "accuracy", "value": 0.5, "low": None, "high": None}
    reading = {"run": train.key, "reader": "scores", "labels": b"\x00\x01"}
    rows = {"metrics": [metric], "readings": [reading]}
    add("eval", _artifact("eval", config={"reader": "scores"}, inputs=[train.key]), rows)
    store.put_many(list(items.values()))
    return store.path.parent, {name: artifact for name, (artifact, _) in items.items()}


def _artifact(
    stage: str,
    lang: str = "te",
    *,
    config: Mapping[str, Any] | None = None,
    inputs: list[str] | None = None,
    summary: Mapping[str, Any] | None = None,
) -> Artifact:
    settings = dict(config or {})
    key = recipe_key(stage, 1, settings, inputs or [], lang=lang, task="topic")
    return Artifact(
        key=key,
        stage=stage,
        version=1,
        lang=lang,
        task="topic",
        config=settings,
        inputs=inputs or [],
        summary=summary or {},
        seconds=0.5,
    )


def _human(texts: list[str], source: str = "human") -> Rows:
    shared = {"lang": "te", "task": "topic", "label": 0, "label_name": "travel", "source": source, "status": "ok"}
    return {"examples": [{**shared, "idx": i, "text": text, "split": "train"} for i, text in enumerate(texts)]}
