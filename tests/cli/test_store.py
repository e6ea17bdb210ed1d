import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sdc.cache.store import Artifact, Store

Chain = dict[str, Artifact]
Invoke = Callable[..., Any]
DOCS = Path(__file__).parents[2] / "docs" / "store.md"


def test_ls_lists_the_last_used_first(invoke: Invoke, store: Store, chain: Chain) -> None:
    store.touch([chain["gen"].key])
    result = invoke("store", "ls")
    assert result.exit_code == 0
    keys = re.findall(r"^ *([0-9a-f]{12}) ", result.stdout, re.MULTILINE)
    assert keys[0] == chain["gen"].short
    assert set(keys) == {artifact.short for artifact in chain.values()}
    assert "train, 4 rows" in result.stdout


def test_ls_filters_and_limits(invoke: Invoke, chain: Chain) -> None:
    assert len(json_lines(invoke("store", "ls", "--json", "--stage", "data"))) == 2
    assert len(json_lines(invoke("store", "ls", "--json", "--limit", "3"))) == 3
    assert json_lines(invoke("store", "ls", "--json", "--lang", "sw")) == []
    (gen,) = json_lines(invoke("store", "ls", "--json", "--stage", "gen", "--task", "topic"))
    assert (gen["key"], gen["rows"]) == (chain["gen"].key, 3)
    assert "--limit" in invoke("store", "ls", "--limit", "3").stderr


def json_lines(result: Any) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_ls_without_a_store_says_so_and_makes_none(invoke: Invoke, store: Store) -> None:
    result = invoke("store", "ls")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "there is no store" in result.stderr
    assert not store.path.exists()


def test_show_draws_the_lineage_up_to_the_data(invoke: Invoke, chain: Chain) -> None:
    text = invoke("store", "show", chain["sample"].short).stdout
    for depth, name in enumerate(("judge", "gen", "data"), start=1):
        assert f"\n{'  ' * depth}{chain[name].short}  {name}" in text
    assert "used by 0 artifacts" in text
    assert "1 draws" in text
    text = invoke("store", "show", chain["gen"].short).stdout
    assert f"  {chain['judge'].short}  judge" in text
    assert "seed = 1" in text


def test_show_as_json(invoke: Invoke, chain: Chain) -> None:
    (shown,) = json_lines(invoke("store", "show", chain["train"].short, "--json"))
    assert shown["rows"] == {"runs": 1, "outputs": 2}
    assert shown["lineage"]["inputs"][0]["key"] == chain["test"].key
    assert shown["dependents"] == [chain["eval"].key]
    assert shown["config"] == {"draw": "d1"}


def test_show_of_an_unknown_key_is_a_usage_error(invoke: Invoke, chain: Chain) -> None:
    assert chain
    for key in ("0000", "garbage"):
        result = invoke("store", "show", key)
        assert (result.exit_code, result.stdout) == (2, "")
        assert len(result.stderr.splitlines()) == 1


_MIXED = """select 'ఒక,"టి' || chr(10) || 'x' as text, null as nothing, [1, 2] as list, 0.5 as half,
'nan'::double as nan, timestamp '2024-01-02 03:04:05' as time, true as yes, {'a': 1} as struct"""


def test_sql_as_json(invoke: Invoke, chain: Chain) -> None:
    assert chain
    result = invoke("store", "sql", _MIXED, "--format", "json")
    assert json.loads(result.stdout) == [
        {
            "text": 'ఒక,"టి\nx',
            "nothing": None,
            "list": [1, 2],
            "half": 0.5,
            "nan": None,
            "time": "2024-01-02 03:04:05",
            "yes": True,
            "struct": {"a": 1},
        }
    ]
    assert "ఒక" in result.stdout


def test_sql_as_csv(invoke: Invoke, chain: Chain) -> None:
    assert chain
    header, row = csv.reader(io.StringIO(invoke("store", "sql", _MIXED, "--format", "csv").stdout, newline=""))
    assert header[:3] == ["text", "nothing", "list"]
    assert row[:4] == ['ఒక,"టి\nx', "", "[1, 2]", "0.5"]


def test_sql_in_no_such_form_is_one_line_in_our_words(invoke: Invoke, chain: Chain) -> None:
    assert chain
    refused = invoke("store", "sql", "select 1", "--format", "latex")
    assert refused.exit_code == 2
    assert "invalid value for '--format': 'latex' is not one of 'table', 'csv', 'json'; see" in refused.stderr


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_bytes_are_shown_as_hexadecimal_digits(invoke: Invoke, chain: Chain, form: str) -> None:
    assert chain
    sql = "select '\\x00\\xFFA'::blob as labels, ['\\x01'::blob] as list"
    shown = invoke("store", "sql", sql, "--format", form).stdout
    assert "00ff41" in shown
    assert "01" in shown and "b'" not in shown


def test_sql_as_a_table(invoke: Invoke, chain: Chain) -> None:
    assert chain
    text = invoke("store", "sql", "select text, reason from examples where idx = 0 and source = 'human'").stdout
    assert "ఒకటి" in text
    assert "NULL" in text


@pytest.mark.parametrize("sql", ["delete from artifacts", "selct", "select 1; select 2", "copy runs to '/tmp/x'", ""])
def test_sql_that_is_no_select_is_a_usage_error(invoke: Invoke, chain: Chain, sql: str) -> None:
    assert chain
    result = invoke("store", "sql", sql)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1


def test_verify_says_clean_or_what_is_wrong(invoke: Invoke, store: Store, chain: Chain) -> None:
    assert chain
    result = invoke("store", "verify")
    assert (result.exit_code, result.stdout) == (0, "clean: 7 artifacts, 0 blobs, 0 replies\n")
    with store.open(write=True) as con:
        con.execute("insert into run_outputs values (77, 0, null, 'x')")
        con.execute("update draws set num_rows = 9")
    result = invoke("store", "verify")
    assert (result.exit_code, result.stdout) == (3, "")
    assert len(result.stderr.splitlines()) == 3
    assert invoke("store", "gc").exit_code == 0
    assert "outputs" not in invoke("store", "verify").stderr


def test_verify_without_a_store_is_a_store_error(invoke: Invoke) -> None:
    assert invoke("store", "verify").exit_code == 3
    assert invoke("store", "gc").exit_code == 3


def test_gc_says_what_it_frees(invoke: Invoke, store: Store, chain: Chain) -> None:
    assert chain
    with store.open(write=True) as con:
        con.execute("insert into run_outputs values (77, 0, null, 'x')")
    assert "would remove 1 orphan row," in invoke("store", "gc", "--dry-run").stderr
    assert "removed 1 orphan row," in invoke("store", "gc", "--older-than", "0").stderr
    assert "removed 0 orphan rows" in invoke("store", "gc").stderr


def test_merge_and_its_refusals(invoke: Invoke, store: Store, chain: Chain, tmp_path: Path) -> None:
    assert chain
    target = str(tmp_path / "target.duckdb")
    result = invoke("store", "merge", str(store.path), "--store", target)
    assert result.exit_code == 0
    assert "7 artifacts taken over, 0 were here" in result.stderr
    assert "0 artifacts taken over, 7 were here" in invoke("store", "merge", str(store.path), "--store", target).stderr
    assert invoke("store", "merge", str(store.path)).exit_code == 2
    assert invoke("store", "merge", str(tmp_path / "no.duckdb")).exit_code == 3


def test_the_docs_list_every_table_and_column(store: Store) -> None:
    with store.open(write=True) as con:
        columns = con.execute("select table_name, column_name from duckdb_columns() where not internal").fetchall()
    sections = {part.split("\n", 1)[0].strip(): part for part in DOCS.read_text("utf-8").split("\n### ")}
    missing = [f"{table}.{name}" for table, name in columns if f"`{name}`" not in sections.get(table, "")]
    assert len(columns) > 60
    assert missing == []


def test_the_queries_of_the_docs_run(store: Store, chain: Chain) -> None:
    assert chain
    queries = re.findall(r"```sql\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert len(queries) == 4
    assert all(store.query_with_names(query)[1] for query in queries)
