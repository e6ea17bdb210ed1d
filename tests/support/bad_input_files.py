"""What the cases of `test_bad_input.py` start from: a place with a store of every stage, and files that are wrong.

Here: preparations, each a function that takes the place. Not here: what a command must say about them.
"""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import duckdb
import once
import program

from sdc.cache.store import Artifact, Store
from sdc.pipelines.stage import plan

TOPICS = ("science and technology", "travel", "politics", "sports", "health", "entertainment", "geography")
TASK = """name = "moods"
instruction = "Choose one of: {options}."
[[labels]]
name = "glad"
[[labels]]
name = "sad"
"""


@dataclass(kw_only=True)
class Place:
    """A folder that commands run in, with the store at `store/store.duckdb`, and names for the keys in it."""

    folder: Path
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return Store(self.folder / "store" / "store.duckdb", lock_timeout_s=30)

    def write(self, name: str, content: str | bytes) -> Path:
        """Writes a file; a text as UTF-8."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def sdc(self, *arguments: str) -> str:
        """Runs a command that must succeed, in this process, and returns the key that it prints."""
        result = program.sdc([*arguments, "--store", str(self.store.path)])
        assert result.exit_code == 0, (arguments, result.output, result.exception)
        return result.stdout.strip()

    def add(self, name: str, content: str, *flags: str, task: str = "topic") -> str:
        """Takes in a file and returns the key of its artifact."""
        return self.sdc("data", "add", str(self.write(name, content)), "--lang", "te", "--task", task, *flags)


Prepare = Callable[[Place], object]


def rows(num: int, *, labels: tuple[str, ...] = TOPICS, start: int = 0) -> str:
    """Returns a CSV file with `num` rows that are all different and count through the labels."""
    lines = [f"{_words(i)},{labels[i % len(labels)]}" for i in range(start, start + num)]
    return "\n".join(["text,label", *lines]) + "\n"


def _words(number: int) -> str:
    return " ".join(f"{word}{number * 7 % 101}" for word in ("ఆట", "మాట", "పాట", "బాట", "తోట"))


class Chain:
    """A small store with an artifact of most stages; the commands make it once, then it is copied."""

    def __call__(self, place: Place) -> None:
        made = once.folder("chain", self._make)
        shutil.copytree(made / "place", place.folder, dirs_exist_ok=True)
        place.keys.update(json.loads((made / "keys.json").read_text("utf-8")))

    @staticmethod
    def _make(folder: Path) -> None:
        place = Place(folder=folder / "place")
        keys = place.keys
        keys["data"] = place.add("train.csv", rows(14), "--split", "train")
        keys["test"] = place.add("test.csv", rows(14, start=30), "--split", "test")
        keys["gen"] = place.add("synthetic.csv", rows(14, start=50), "--source", "synthetic")
        keys["judge"] = place.sdc("judge", keys["gen"], "--gates-only")
        keys["sample"] = place.sdc("sample", keys["gen"], "--sizes", "7,all", "--repeats", "1")
        keys["run"] = place.sdc("train", keys["sample"], "--sizes", "all", "--keep-weights")
        keys["eval"] = place.sdc("eval", keys["run"])
        (folder / "keys.json").write_text(json.dumps(keys), "utf-8")


def empty_store(place: Place) -> None:
    """A store without an artifact."""
    with place.store.open(write=True):
        pass


def own_task(place: Place) -> None:
    """A user's task with train and test data in the store."""
    place.write("moods.toml", TASK)
    for split, start in (("train", 0), ("test", 20)):
        content = rows(10, labels=("glad", "sad"), start=start)
        place.add(f"{split}.csv", content, "--split", split, task=str(place.folder / "moods.toml"))


def changed_task(place: Place) -> None:
    """The user's task again, after somebody swapped its labels."""
    own_task(place)
    place.write("moods.toml", TASK.replace("glad", "x").replace("sad", "glad").replace("x", "sad"))


def file(name: str, content: str | bytes) -> Prepare:
    """Returns a preparation that writes one file."""
    return lambda place: place.write(name, content)


def sparse(name: str, num_bytes: int) -> Prepare:
    """Returns a preparation that makes a file of that size without filling a disk."""

    def prepare(place: Place) -> None:
        with place.write(name, "text,label\n").open("rb+") as opened:
            opened.truncate(num_bytes)

    return prepare


def model(config: str | None, weights: bytes | None = None) -> Prepare:
    """Returns a preparation that makes a model folder `model` with these files."""

    def prepare(place: Place) -> None:
        place.write("model/README.md", "a model")
        if config is not None:
            place.write("model/config.json", config)
        if weights is not None:
            place.write("model/model.safetensors", weights)

    return prepare


# -- stores that are none, or damaged -------------------------------------------------------------------------------


def foreign_duckdb(place: Place) -> None:
    _duckdb(place, "create table customers (name varchar)")


def foreign_migrations(place: Place) -> None:
    _duckdb(place, "create table migrations as select 1 as id, 'auth.0001_initial' as name, 1 as number")


def other_migrations(place: Place) -> None:
    _duckdb(place, "create table migrations (version integer); create table customers (name varchar)")


def _duckdb(place: Place, sql: str) -> None:
    place.store.path.parent.mkdir(parents=True, exist_ok=True)
    with closing(duckdb.connect(str(place.store.path))) as con:
        con.execute(sql)


def sqlite_file(place: Place) -> None:
    place.store.path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(place.store.path)) as con:
        con.execute("create table artifacts (key text)")
        con.commit()


def newer(place: Place) -> None:
    with place.store.open(write=True) as con:
        con.execute("insert into migrations values (99, 'm099_from_the_future', now()::timestamp)")


def halved(place: Place) -> None:
    with place.store.path.open("rb+") as opened:
        opened.truncate(place.store.path.stat().st_size // 2)


def flipped(place: Place) -> None:
    content = bytearray(place.store.path.read_bytes())
    for position in range(3 * 4096, len(content), 997):
        content[position] ^= 0xFF
    place.store.path.write_bytes(content)


def truncated_blob(place: Place) -> None:
    blob = max((path for path in (place.store.place.home / "blobs").rglob("*") if path.is_file()), key=_size)
    with blob.open("rb+") as opened:
        opened.truncate(_size(blob) // 2)


def _size(path: Path) -> int:
    return path.stat().st_size


def planted_pickle(place: Place) -> None:
    """Makes every reply of the cache a pickle that would run code, as CVE-2025-69872 has it."""
    from sdc.cache.replies import replies

    with replies(place.store.replies_folder) as cache:
        cache.put_many({"key": {"text": "good"}})
    with closing(sqlite3.connect(place.store.replies_folder / "cache.db")) as con, con:
        con.execute("update Cache set mode = 4, value = ?", [b"cos\nsystem\n(S'touch pwned'\ntR."])


def make_model(folder: Path) -> Path:
    """Makes a language model of random weights with a vocabulary of bytes, as a folder that `from_pretrained` reads."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = {token: i for i, token in enumerate(["<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="</s>").save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2,
        intermediate_size=16, max_position_embeddings=2048, bos_token_id=0, eos_token_id=1, pad_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def copy_model(place: Place, folder: Path, **settings: int) -> None:
    """Copies a model to the folder `model`, with these settings in its config."""
    shutil.copytree(folder, place.folder / "model")
    config = place.folder / "model" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text("utf-8")), **settings}), "utf-8")


def ambiguous(place: Place) -> None:
    """Two artifacts whose keys begin with the same four digits; `{twin}` is these."""
    seen: dict[str, Artifact] = {}
    for number in count():
        made = plan(stage="gen", version=1, config={"n": number}, inputs=[], lang="te", task="topic")
        if other := seen.get(made.key[:4]):
            place.store.put_many([(made, {}), (other, {})])
            place.keys["twin"] = made.key[:4]
            return
        seen[made.key[:4]] = made


def jsonl(*records: object) -> str:
    """Returns JSON lines, with lone surrogates as escapes."""
    return "".join(json.dumps(record) + "\n" for record in records)
