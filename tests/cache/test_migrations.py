from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from older import as_version

from sdc.cache import content, file, migrations, upkeep
from sdc.cache.store import Artifact, Store
from sdc.cache.verify import verify

pytestmark = pytest.mark.usefixtures("from_nothing")

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def _applied(path: Path) -> list[str]:
    return [name for _, name in Store(path).query("select number, name from migrations order by number")]


def test_a_new_file_gets_every_migration_in_order(store: Store) -> None:
    with store.open(write=True):
        pass
    assert _applied(store.path) == [migration.__name__ for migration in migrations.MIGRATIONS]


def test_each_migration_runs_alone_from_an_empty_file(tmp_path: Path) -> None:
    import duckdb

    con = duckdb.connect(str(tmp_path / "x.duckdb"))
    for number, migration in enumerate(migrations.MIGRATIONS, start=1):
        assert migration.__name__.startswith(f"m{number:03}_")
        assert migration.__doc__
        migration(con)
    tables = {row[0] for row in con.execute("select table_name from duckdb_tables()").fetchall()}
    con.close()
    assert tables >= {*migrations.TABLES, "file_digests"}


@pytest.mark.parametrize("write", [False, True])
def test_an_older_store_is_migrated_when_it_is_opened(
    store: Store, monkeypatch: pytest.MonkeyPatch, write: bool
) -> None:
    with store.open(write=True) as con:
        con.execute("insert into file_digests values ('a', 1, 2, 'd')")

    def m002_next(con: "DuckDBPyConnection") -> None:
        con.execute("alter table file_digests add column checked_at timestamp")

    monkeypatch.setattr(file, "MIGRATIONS", (*migrations.MIGRATIONS, m002_next))
    with store.open(write=write) as con:
        assert con.execute("select path, checked_at from file_digests").fetchall() == [("a", None)]
    assert _applied(store.path)[-1] == "m002_next"


def test_a_migration_takes_little_memory_and_what_comes_after_it_as_much_as_ever(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = []

    def limit(con: "DuckDBPyConnection") -> None:
        limits.append(con.execute("select current_setting('memory_limit')").fetchall()[0][0])

    with store.open(write=True) as con:
        limit(con)
    monkeypatch.setattr(file, "MIGRATIONS", (*migrations.MIGRATIONS, limit))
    with Store(store.path).open(write=True) as con:
        limit(con)
    assert limits == [limits[0], "953.6 MiB", limits[0]]
    assert limits[0] != limits[1]


def test_a_migration_that_fails_leaves_the_store_as_it_was(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.open(write=True):
        pass
    before = _applied(store.path)

    def m002_broken(con: "DuckDBPyConnection") -> None:
        con.execute("create table half (x integer)")
        raise RuntimeError("killed")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(file, "MIGRATIONS", (*migrations.MIGRATIONS, m002_broken))
        with store.open(write=True):
            pass
    assert _applied(store.path) == before
    assert store.query("select * from duckdb_tables() where table_name = 'half'") == []


def test_applied_migrations_are_dated(store: Store) -> None:
    with store.open(write=True):
        pass
    assert all(isinstance(row[0], datetime) for row in store.query("select applied_at from migrations"))


def test_the_ledger_reads_what_summaries_say_and_leaves_the_rest_null(store: Store) -> None:
    usage = {"model": "m", "engine": "vllm", "calls": 3, "prompt_tokens": 7, "seconds": 1.5, "energy_kwh": None}
    summaries: list[dict[str, Any]] = [{"usage": usage}, {"usage": {}}, {"energy_kwh": 0.25}, {}]
    for number, summary in enumerate(summaries):
        key = str(number) * 64
        store.put(
            Artifact(key=key, stage="gen", version=1, lang=None, task=None, config={}, inputs=[], summary=summary),
            {},
        )
    found = store.query(
        "select model, engine, calls, prompt_tokens, engine_seconds, energy_kwh, cost from ledger order by key"
    )
    assert found == [
        ("m", "vllm", 3, 7, 1.5, None, None),
        (None,) * 7,
        (None, None, None, None, None, 0.25, None),
        (None,) * 7,
    ]


def test_a_store_with_three_migrations_gets_what_makes_a_result(
    chain: dict[str, Artifact], store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = Store(tmp_path / "old" / "store.duckdb")
    store.everything()  # of this version, which is looked at once
    with monkeypatch.context() as patch:
        as_version(patch, 3)
        for artifact in chain.values():
            rows = {}
            for table in migrations.ROW_TABLES:
                names, found = store.query_with_names(
                    f"select * exclude (key) from {table} where key = '{artifact.key}'"
                )
                kept = [dict(zip(names, row, strict=True)) for row in found]
                for row in kept:
                    for new in ("human_key", "human_members", "no", "num_seeds", "seed_weight", "coverage"):
                        row.pop(new, None)
                rows[table] = kept
            old.put(artifact, rows)
        assert _applied(old.path)[-1] == "m003_reviews"
    with old.open():
        pass
    assert "m004_what_makes_a_result" in _applied(old.path)
    assert old.query("select draw, human, examples = ?, generation = ?, judge from origins",
                     [chain["judge"].key, chain["gen"].key]) == [("d1", None, True, True, "gates")]  # fmt: skip
    assert old.query("select value, judge, length(result) from results") == [(0.5, "gates", 12)]


def test_outputs_of_a_store_with_six_migrations_get_the_number_of_their_run(
    store: Store, make: Callable[..., Artifact], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = {"lang": "te", "task": "topic", "method": "icl", "model": "m", "num_rows": 0, "setting": "s", "test_key": "t"}
    kept = [
        (
            make("icl", config={"n": n}),
            {
                "runs": [{**run, "status": "ok"}],
                "outputs": [{"idx": i, "scores": [0.1 * n, -float(i)], "reply": None} for i in range(n)],
            },
        )
        for n in (1, 0, 3, 2)
    ]
    lost = kept[2][0].key
    with monkeypatch.context() as patch:
        as_version(patch, 6)
        store.put_many(kept)
        with store.open(write=True) as con:
            # outputs of a run that is gone, and a run that stands there twice
            con.execute("insert into outputs values ('gone', 0, null, 'x'), ('gone', 1, null, 'y')")
            con.execute("insert into runs select * from runs where key = ?", [lost])
        before = store.query("select key, idx, scores, reply from outputs where key <> 'gone' order by all")
    again = Store(store.path)
    assert "m007_run_numbers" in _applied(again.path)
    assert again.query("select distinct key, idx, scores, reply from outputs order by all") == before
    assert len(before) == 6
    with again.open() as con:
        whole = {artifact.key: content.of_rows(rows) for artifact, rows in kept if artifact.key != lost}
        assert content.in_store(con, list(whole)) == whole
    faults = verify(again).faults
    assert any(fault.startswith("2 rows of outputs without an artifact (1 key)") for fault in faults)
    assert any("has 2 runs instead of one" in fault for fault in faults)
    assert upkeep.gc(again).orphan_rows == 2
