"""The folder that every try of the fuzzer starts from: a store with a whole chain, and a file of every sort.

Here: making it. Not here: what is changed in it (`fuzz_kinds.py`).
"""

import json
import shutil
from pathlib import Path
from typing import Any

import forked

from sdc.cache.store import Store
from sdc.pipelines.engines.models import POCKET

_CELL = "--lang te --task intent"
_TASK = """name = "moods"
text_type = "mood of a sentence"
instruction = "Choose one of: {options}."
metric = "accuracy"
quota = 10

[[labels]]
name = "glad"
explanation = "somebody is glad"
aliases = ["happy", "1"]

[[labels]]
name = "sad"
explanation = "somebody is sad"
aliases = ["unhappy"]
"""
_PRICES = """currency = "EUR"

["pocket-teacher"]
input = 0.5
cached_input = 0.1
output = 1.5

["owner/model"]
hour = 2
"""


def prepare(base: Path) -> None:
    """Makes a folder with every sort of file, and a store with every sort of artifact."""
    lines = (POCKET / "examples" / "intent-te-train.jsonl").read_text("utf-8").splitlines()[:60]
    rows = [json.loads(line) for line in lines]
    for split, part in (("train", rows[:30]), ("test", rows[30:42]), ("synthetic", rows[42:])):
        (base / f"{split}.jsonl").write_text(
            "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in part), "utf-8"
        )
    names = list(rows[0])
    _tables(base, [[str(row[name]).replace("\n", " ") for name in names] for row in rows[:8]], names)
    (base / "moods.toml").write_text(_TASK, "utf-8")
    (base / "moods.csv").write_text("text,label\nfine,glad\nbad,sad\n", "utf-8")
    (base / "prices.toml").write_text(_PRICES, "utf-8")
    shutil.copytree(POCKET / "student", base / "model")
    made: dict[str, str] = {}
    for name, command in _CHAIN:
        words = [word.format(**made) for word in command.split()]
        ended = forked.sdc(*words, folder=base, env={"SDC_STORE": "store/store.duckdb"}, timeout_s=300)
        if ended.code != 0:
            raise SystemExit(f"sdc {' '.join(words)}: {ended.stderr}")
        made[name] = ended.stdout.split()[-1]
    (base / "keys.json").write_text(json.dumps(made), "utf-8")
    (base / "keys.txt").write_text("".join(made[name] + "\n" for name in ("gen", "judge")), "utf-8")
    forked.call(lambda: _review(base, made))


_CHAIN = (
    ("train", f"data add train.jsonl {_CELL} --split train"),
    ("test", f"data add test.jsonl {_CELL} --split test"),
    ("gen", f"data add synthetic.jsonl {_CELL} --source synthetic"),
    ("judge", "judge {gen} --gates-only"),
    ("asked", "judge {gen} --no-gates --label-threshold 0"),
    ("sample", f"sample {_CELL} --source human --sizes 10 --repeats 1"),
    ("linear", "train {sample} --keep-weights"),
    ("finetune", "train {sample} --method finetune --model model --epochs 1 --keep-weights"),
    ("lora", "train {sample} --method lora --model model --steps 2 --eval-steps 1 --keep-weights"),
    ("icl", f"icl {_CELL} --model model --shots 0"),
    ("eval", f"eval {_CELL}"),
    ("_", "export --run {linear} --out out-linear"),
    ("_", "export --run {finetune} --out out-finetune"),
    ("_", "export --run {lora} --out out-lora"),
)


def _tables(base: Path, rows: list[list[str]], names: list[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    for suffix, delimiter in (("csv", ","), ("tsv", "\t")):
        lines = [delimiter.join(f'"{cell}"' if suffix == "csv" else cell for cell in row) for row in [names, *rows]]
        (base / f"table.{suffix}").write_text("\n".join(lines) + "\n", "utf-8")
    (base / "table.txt").write_text("".join(row[0] + "\n" for row in rows), "utf-8")
    (base / "table.jsonl").write_text(
        "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows), "utf-8"
    )

    def write() -> None:
        pyarrow.parquet.write_table(
            pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))), base / "table.parquet"
        )

    forked.call(write)


def _review(base: Path, keys: dict[str, str]) -> None:
    """Writes a saved review, as the page would."""
    from sdc.pipelines import cells
    from sdc.pipelines.judge.review import FORMAT, VERSION, form, sheet
    from sdc.pipelines.stage import Context

    store = Store(base / "store" / "store.duckdb")
    context = Context(store=store)
    made = sheet.choose(context, cells.expand(store, ["te"], ["intent"])[0], store.resolve(keys["judge"]))
    rows = [
        {"idx": row.idx, "sha256": sheet.text_digest(row.text), "decision": "accept" if row.idx % 3 else "reject",
         "reason": None if row.idx % 3 else "unnatural", "label": None, "text": None, "comment": None, "blind": True,
         "decided_at": "2030-01-02T03:04:05.678Z"}
        for row in made.rows
    ]  # fmt: skip
    value: dict[str, Any] = {
        "format": FORMAT, "version": VERSION, "sheet": made.name, "generation": made.generation.key,
        "judgement": made.judgement.key if made.judgement else None, "lang": "te", "task": "intent",
        "labels": list(made.cell.task.label_names), "reviewer": "Ana", "started_at": "2030-01-02T03:00:00.000Z",
        "saved_at": "2030-01-02T03:05:00.000Z", "num_shown": len(made.rows), "rows": rows,
    }  # fmt: skip
    (base / "review.json").write_text(
        json.dumps({**value, "check": form.check_sum(value)}, ensure_ascii=False), "utf-8"
    )
