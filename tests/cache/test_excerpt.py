"""A part of a store as a store of its own: what it has, what it has not, and that it can be merged again."""

from pathlib import Path

import pytest

from sdc.cache import upkeep
from sdc.cache.excerpt import excerpt
from sdc.cache.store import Artifact, Store
from sdc.cache.verify import verify
from sdc.errors import StoreError


def test_it_has_some_artifacts_and_all_that_they_were_made_from(
    store: Store, chain: dict[str, Artifact], tmp_path: Path
) -> None:
    place = tmp_path / "seed.duckdb"
    assert excerpt(store, [chain["sample"].key, chain["test"].key], place) == 5
    made = Store(place)
    assert {artifact.stage for artifact in made.everything()} == {"data", "gen", "judge", "sample"}
    for table in ("examples", "verdicts", "draws", "file_digests"):
        sql = f"select * from {table} order by all"
        assert made.query(sql) == store.query(sql)
    assert made.query("select key, used_at from artifacts order by key") == [
        row for row in store.query("select key, used_at from artifacts order by key") if made.get(row[0])
    ]
    assert made.query("select * from runs") == []
    assert verify(made).faults == ()
    assert not Path(f"{place}.wal").exists()
    assert upkeep.merge(store, place).artifacts == 0


def test_what_was_there_is_replaced(store: Store, chain: dict[str, Artifact], tmp_path: Path) -> None:
    place = tmp_path / "seed.duckdb"
    excerpt(store, [chain["sample"].key], place)
    assert excerpt(store, [chain["data"].key], place) == 1
    assert len(Store(place).everything()) == 1


def test_replies_stay_where_they_are(store: Store, chain: dict[str, Artifact], tmp_path: Path) -> None:
    with store.replies() as replies:
        replies.put_many({"0" * 64: {"text": "secret"}})
    excerpt(store, [chain["gen"].key], tmp_path / "seed.duckdb")
    assert not Store(tmp_path / "seed.duckdb").replies_folder.exists()


def test_an_artifact_that_is_gone_is_named(store: Store, chain: dict[str, Artifact], tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="artifact ffffffffffff is not there any more"):
        excerpt(store, [chain["gen"].key, "f" * 64], tmp_path / "seed.duckdb")
    assert not (tmp_path / "seed.duckdb").exists()
