"""What the fuzzer changes, and the commands that read it.

Here: one `Kind` per sort of file. Not here: the folder with these files (`fuzz_base.py`), how a content is changed
(`fuzz_bytes.py`), what is asked of a command (`fuzz.py`).
"""

import json
import random
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fuzz_bytes

_CELL = "--lang te --task intent"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One sort of file.

    Args:
        name: In the table.
        files: Patterns of the files of which one is changed; none: only the words of the command are drawn.
        commands: Command lines of which one is run; `{FILE}` of `keys.json` gives keys.
        change: How; None: by the suffix, or as bytes.
        piped: The file is piped in, not changed.
        as_data: stdout is JSON or CSV.
    """

    name: str
    files: Sequence[str]
    commands: Sequence[str]
    change: Callable[[bytes, random.Random], bytes] | None = None
    piped: bool = False
    as_data: bool = True

    def choose(self, place: Path, rng: random.Random) -> Path | None:
        """Returns the file that is changed."""
        found = sorted({path for pattern in self.files for path in place.glob(pattern) if path.is_file()})
        return rng.choice(found) if found else None

    def words(self, place: Path, rng: random.Random) -> list[str]:
        """Returns the words of the command."""
        keys = json.loads((place / "keys.json").read_text("utf-8"))
        return [word.format(**keys) for word in rng.choice(self.commands).split()]


def changed(kind: Kind, content: bytes, path: Path | None, rng: random.Random) -> bytes:
    """Returns another content of a file."""
    by_suffix = {
        ".json": fuzz_bytes.json_changed, ".jsonl": fuzz_bytes.json_lines_changed, ".toml": fuzz_bytes.toml_changed,
        ".safetensors": fuzz_bytes.safetensors_changed, ".db": replies_changed,
    }  # fmt: skip
    change = kind.change or by_suffix.get(path.suffix if path else "", fuzz_bytes.damaged)
    return (change if rng.random() < 0.7 else fuzz_bytes.damaged)(content, rng)


def replies_changed(content: bytes, rng: random.Random) -> bytes:
    """Returns a reply cache in which replies are other JSON, or rows are of another kind."""
    path = Path.cwd() / f".fuzz-{rng.randrange(10**9)}.db"
    path.write_bytes(content)
    try:
        with closing(sqlite3.connect(path)) as con, con:
            con.execute("pragma journal_mode = delete")
            rows = con.execute("select rowid, key, value from Cache order by rowid").fetchall()
            for rowid, _, value in rng.sample(rows, k=rng.choice((1, len(rows)))):
                raw = zlib.decompress(value)
                kind = rng.random()
                new: Any = zlib.compress(
                    fuzz_bytes.json_changed(raw, rng) if kind < 0.7 else fuzz_bytes.damaged(raw, rng)
                )
                if kind > 0.9:
                    new = rng.choice((None, "text", 7, b"", b"\x80\x04N.", value[: len(value) // 2]))
                con.execute("update Cache set value = ? where rowid = ?", (new, rowid))
            if rng.random() < 0.1:
                con.execute("update Cache set mode = ?", (rng.choice((0, 2, 3, 4, 99)),))
        return path.read_bytes()
    except (sqlite3.Error, zlib.error, TypeError):
        return fuzz_bytes.damaged(content, rng)
    finally:
        path.unlink()


def reviewed(content: bytes, rng: random.Random) -> bytes:
    """Returns a changed review, mostly with the check sum of what it says now."""
    from sdc.pipelines.judge.review import form

    new = fuzz_bytes.json_changed(content, rng)
    try:
        value = json.loads(new)
        value["check"] = form.check_sum(value)
    except (ValueError, TypeError, LookupError, AttributeError):
        return new
    return json.dumps(value).encode()


_ADD = f"{_CELL} --split train"
_STORE_COMMANDS = (
    "store ls",
    "store verify",
    "store gc",
    "report --format csv",
    f"gen {_CELL} --dry-run",
    "predict table.txt --run {linear}",
    "eval {linear}",
    f"sample {_CELL} --source human --sizes 10",
    f"data show {_CELL}",
    "store show {gen}",
    f"report data {_CELL}",
    "store sql SELECT/**/count(*)/**/FROM/**/examples",
    f"data add table.csv {_ADD}",
    "judge {gen} --gates-only",
)
_EXPORTED = ("predict test.jsonl --model out-{}", "predict table.csv --model out-{} --format csv")

KINDS = (
    Kind(
        name="CSV",
        files=["table.csv"],
        commands=[f"data add table.csv {_ADD}", f"data add table.csv {_CELL} --source synthetic"],
    ),
    Kind(name="TSV", files=["table.tsv"], commands=[f"data add table.tsv {_ADD}"]),
    Kind(name="JSON lines", files=["table.jsonl"], commands=[f"data add table.jsonl {_ADD}"]),
    Kind(name="Parquet", files=["table.parquet"], commands=[f"data add table.parquet {_ADD}"]),
    Kind(
        name="task",
        files=["moods.toml"],
        commands=[
            "data add moods.csv --lang te --task moods.toml --split train",
            "icl --lang te --task moods.toml --dry-run",
            "gen --lang te --task moods.toml --dry-run",
        ],
    ),
    Kind(
        name="prices",
        files=["prices.toml"],
        commands=[
            f"gen {_CELL} --prices prices.toml --max-cost 1 --dry-run",
            f"icl {_CELL} --prices prices.toml --model model --dry-run",
        ],
    ),
    Kind(
        name="model",
        files=["model/*"],
        commands=[
            f"icl {_CELL} --model model --shots 0 --force",
            f"train {_CELL} --method finetune --model model --epochs 1 --force",
            f"icl {_CELL} --model model --shots 0 --decoding generate --force",
        ],
    ),
    Kind(name="adapter", files=["out-lora/*"], commands=[f"icl {_CELL} --model model+out-lora --shots 0"]),
    Kind(name="export, linear", files=["out-linear/*"], commands=[words.format("linear") for words in _EXPORTED]),
    Kind(name="export, finetune", files=["out-finetune/*"], commands=[words.format("finetune") for words in _EXPORTED]),
    Kind(
        name="export, lora",
        files=["out-lora/*"],
        commands=[f"{words.format('lora')} --base model" for words in _EXPORTED],
    ),
    Kind(
        name="kept weights",
        files=["store/**/blobs/*/*"],
        commands=[
            "predict table.txt --run {linear}",
            "predict table.txt --run {finetune}",
            "predict table.txt --run {lora}",
            "export --run {finetune} --out new",
            "store verify",
        ],
    ),
    Kind(name="review", files=["review.json"], change=reviewed, commands=["judge --review-import review.json"]),
    Kind(name="store", files=["store/*.duckdb"], commands=_STORE_COMMANDS, as_data=False),
    Kind(
        name="other store",
        files=["store/*.duckdb"],
        commands=["store merge store/store.duckdb --store new/store.duckdb"],
    ),
    Kind(
        name="replies",
        files=["store/**/cache.db"],
        commands=[
            "judge {gen} --no-gates --label-threshold 0 --force",
            f"icl {_CELL} --model model --shots 0 --force",
            "store verify",
            "store gc",
            "store merge store/store.duckdb --store new/store.duckdb",
        ],
    ),
    Kind(
        name="predict, files",
        files=["table.csv", "table.tsv", "table.jsonl", "table.txt"],
        commands=[
            "predict table.csv --run {linear} --format csv",
            "predict table.tsv --run {linear}",
            "predict table.jsonl --run {linear}",
            "predict table.txt --run {linear} --format lines",
        ],
    ),
    Kind(
        name="predict, stdin",
        files=["table.csv", "table.jsonl", "table.txt"],
        piped=True,
        commands=[
            "predict --run {linear}",
            "predict --run {linear} --input-format csv",
            "predict - --run {linear} --input-format jsonl",
            "predict --run {linear} --input-format tsv --format csv",
        ],
    ),
    Kind(
        name="keys, stdin",
        files=["keys.txt", "keys.json"],
        piped=True,
        change=fuzz_bytes.damaged,
        commands=[
            "judge - --gates-only --dry-run",
            "sample - --dry-run",
            "eval -",
            "report - --format csv",
            "data show -",
        ],
    ),
)
