"""Bad input: every case ends with its exit code and one line that says what is wrong, where, and what to do next."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bad_input_files as files
import program
import pytest
import waiting
from bad_input_files import Chain, Place, Prepare, file

from sdc.cache import turn
from sdc.cache.verify import verify

#: `sdc: WHAT; NEXT STEP`, with WHERE somewhere in front of the semicolon.
_LINE = re.compile(r"sdc: [^\n]*[^;\s]; [^;\n]*\w[^\n]*")
_CELL = "--lang te --task topic"
_ADD = f"{_CELL} --split train"
_STORE = "store.duckdb"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One command that cannot work.

    Args:
        id: What is wrong.
        argv: The command line; `{name}` is a key that the preparation named.
        code: The exit code.
        says: What stands in the line; the first is what is wrong, one of them is where.
        prepare: Makes what the command needs, in order.
        chain: Start from the store with an artifact of most stages, else without a store.
        stdin: What is piped in.
        env: Variables of the environment.
        notes: What stands in the lines before the error, one each, in order.
        damaged: The store is no sound one: the command must leave its bytes alone. Else `verify` must find it clean.
    """

    id: str
    argv: str
    code: int
    says: tuple[str, ...]
    prepare: tuple[Prepare, ...] = ()
    chain: bool = False
    stdin: str | bytes | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    damaged: bool = False


def _case(name: str, argv: str, code: int, *says: str, **more: Any) -> Case:
    if "make" in more:
        more["prepare"] = (more.pop("make"),)
    return Case(id=name, argv=argv, code=code, says=says, **more)


_FLAGS = [
    _case("no arguments to a stage", "gen", 2, "say what to work on", "--lang and --task"),
    _case("lang without task", "gen --lang te", 2, "say what to work on"),
    _case("task without lang", "judge --task topic", 2, "say what to work on"),
    _case("unknown command", "generate", 2, "no such command 'generate'", "sdc --help"),
    _case("unknown subcommand", "store list", 2, "no such command 'list'", "sdc store --help"),
    _case("unknown option", "gen --langg te", 2, "no such option: --langg", "sdc gen --help"),
    _case("an option of others", "icl --repeats 2", 2, "no such option: --repeats; see `sdc icl --help`"),
    _case("unknown option of sdc", "--verbose store ls", 2, "no such option: --verbose", "sdc --help"),
    _case("option without value", "gen --lang", 2, "--lang", "sdc gen --help"),
    _case("missing argument", "store show", 2, "missing argument 'KEY'", "sdc store show --help"),
    _case("too many arguments", "store verify now", 2, "extra argument", "sdc store verify --help"),
    _case("json changes nothing about errors", "gen --json --lang qqq --task topic", 2, "unknown language 'qqq'"),
    _case("unknown language", "gen --lang qqq --task topic", 2, "unknown language 'qqq'", "--lang", "te, sw"),
    _case("malformed language", "gen --lang 't e' --task topic", 2, "unknown language 't e'", "--lang"),
    _case("unknown task", "gen --lang te --task topik", 2, "unknown task 'topik'", "--task", "sentiment, topic"),
    _case("task that is no path", f"gen --lang te --task {'x' * 5000}", 2, "unknown task 'xxx", "--task"),
    _case("unknown preset", f"gen {_CELL} --preset best", 2, "unknown preset 'best'", "--preset", "paper", chain=True),
    _case("unknown model", f"gen {_CELL} --model gpt", 2, "unknown model 'gpt'", "--model", "owner/name", chain=True),
    _case("unknown method", f"train {_CELL} --method svm", 2, "unknown method 'svm'", "--method", "finetune"),
    _case("flag of another method", f"train {_CELL} --epochs 3", 2, "no --epochs", "drop --epochs"),
    _case("unknown reader", "eval {run} --reader loose", 2, "unknown reader 'loose'", "--reader", chain=True),
    _case("unknown source", "sample {gen} --source robots", 2, "unknown source 'robots'", "--source", chain=True),
    _case("unknown source of training", "train {sample} --source robots", 2, "unknown source", "--source", chain=True),
    _case("unknown source of shots", f"icl {_CELL} --source robots", 2, "unknown source 'robots'", "--source"),
    _case("unknown strategy", "sample {gen} --strategy best", 2, "unknown strategy", "--strategy", chain=True),
    _case("unknown metric", "report --metric f2", 2, "unknown metric 'f2'", "--metric", "macro_f1"),
    _case("unknown format", "report --format xml", 2, "unknown format 'xml'", "--format", "latex"),
    _case("unknown format of sql", "store sql 'select 1' --format xml", 2, "'xml' is not one of", chain=True),
    _case("unknown part of a report", "report --by colour", 2, "cannot group by 'colour'", "--by", "lang"),
    _case("unknown decoding", f"icl {_CELL} --decoding beam", 2, "unknown decoding 'beam'", "--decoding"),
    _case("unknown label style", f"gen {_CELL} --label-style loud", 2, "unknown label style", "explanation",
          make=files.empty_store, notes=("pocket models",)),
    _case("unknown split", f"data add train.csv {_CELL} --split future", 2, "unknown split 'future'", "--split"),
    _case("unknown source of data", f"data add a.csv {_ADD} --source robot", 2, "unknown source 'robot'", "--source"),
    _case("sizes that are words", "sample {gen} --sizes ten", 2, "'ten' is no size", "--sizes", chain=True),
    _case("size 0", "sample {gen} --sizes 10,0", 2, "'0' is no size", "--sizes", chain=True),
    _case("size below 0", "sample {gen} --sizes=-5", 2, "'-5' is no size", "--sizes", chain=True),
    _case("size with a fraction", "sample {gen} --sizes 1.5", 2, "'1.5' is no size", "--sizes", chain=True),
    _case("size of 5000 digits", f"sample {{gen}} --sizes {'9' * 5000}", 2, "is no size", "--sizes", chain=True),
    _case("no size", "sample {gen} --sizes ''", 2, "'' is no size", "--sizes", chain=True),
    _case("size that was not drawn", "train {sample} --sizes 11", 5, "no draw of size 11", "7, all", chain=True),
    _case("repeats 0", "sample {gen} --repeats 0", 2, "should be greater", "--repeats", chain=True),
    _case("quota 0", f"gen {_CELL} --quota 0", 2, "should be greater", "--quota"),
    _case("quota that is no number", f"gen {_CELL} --quota many", 2, "valid integer", "--quota"),
    _case("temperature below 0", f"gen {_CELL} --temperature=-1", 2, "should be greater", "--temperature"),
    _case("temperature nan", f"gen {_CELL} --temperature nan", 2, "should be greater", "--temperature"),
    _case("top_p 0", f"gen {_CELL} --top-p 0", 2, "top_p", make=files.empty_store, notes=("pocket models",)),
    _case("top_p 2", f"gen {_CELL} --top-p 2", 2, "top_p", make=files.empty_store, notes=("pocket models",)),
    _case("repetition penalty 0", f"gen {_CELL} --repetition-penalty 0", 2, "repetition_penalty",
          make=files.empty_store, notes=("pocket models",)),
    _case("threshold 2", f"judge {_CELL} --threshold 2", 2, "threshold 2.0 is not in [0, 1]", "--threshold"),
    _case("threshold nan", f"judge {_CELL} --threshold nan", 2, "threshold nan", "--threshold"),
    _case("a judge without any judge", f"judge {_CELL} --no-gates --gates-only", 2, "--gates-only", "--no-gates"),
    _case("shots 101", f"icl {_CELL} --shots 101", 2, "should be less", "--shots"),
    _case("learning rate 0", f"train {_CELL} --method finetune --model a/b --learning-rate 0", 2, "learning_rate"),
    _case("dropout 1", f"train {_CELL} --method finetune --model a/b --dropout 1", 2, "dropout", "--dropout"),
    _case("seed below 0", f"gen {_CELL} --seed=-1", 2, "should be greater", "--seed"),
    _case("init seed beyond 32 bits", f"train {_CELL} --init-seed {2**70}", 2, "should be less", "--init-seed"),
    _case("limit beyond 64 bits", f"store ls --limit {2**70}", 2, "should be less", "--limit", chain=True),
    _case("lock timeout that is a word", "store ls", 2, "'soon'", "SDC_LOCK_TIMEOUT_S",
          env={"SDC_LOCK_TIMEOUT_S": "soon"}),
    _case("lock timeout nan", "store ls", 2, "'nan'", "SDC_LOCK_TIMEOUT_S", env={"SDC_LOCK_TIMEOUT_S": "nan"}),
    _case("argument that is not UTF-8", "data ls --task \udcff", 2, "is not UTF-8", "correct the flag"),
]  # fmt: skip

_KEYS = [
    _case("unknown key", "store show 0123456789ab", 2, "no artifact 0123456789ab", _STORE, "sdc store ls", chain=True),
    _case("garbage key", "eval xyz", 2, "'xyz' is not a key", "hexadecimal"),
    _case("short key", "eval abc", 2, "'abc' is not a key", "4 to 64"),
    _case("ambiguous key", "store show {twin}", 2, "is ambiguous", _STORE, "more of its digits", make=files.ambiguous),
    _case("key of the wrong stage", "judge {data}", 2, "is of stage data, wanted gen", "sdc store ls", chain=True),
    _case(
        "test data to generate from",
        "gen {test}",
        2,
        "is the test split",
        "train split",
        chain=True,
        notes=("pocket models",),
    ),
    _case("test data to draw from", "sample {test}", 2, "is the test split", "train split", chain=True),
    _case("train data to test on", "train {sample} --test {data}", 2, "not test data", "--test", chain=True),
    _case("train data to ask about", "icl --shots 0 --test {data} " + _CELL, 2, "not test data", "--test", chain=True),
    _case("key that does not fit the flags", "judge {gen} --lang sw", 2, "none of the keys fits --lang", chain=True),
    _case("stdin with garbage", "eval -", 2, "not a key", stdin="hello\nworld\n"),
    _case("empty stdin", "eval -", 2, "no keys on stdin", "before the pipe", stdin=""),
    _case("stdin with blank lines", "eval -", 2, "no keys on stdin", stdin="\n \n"),
    _case("JSON without a key on stdin", "eval -", 2, "something else than artifact keys", stdin='{"hit": true}\n'),
    _case("JSON with a null key on stdin", "eval -", 2, "something else than", stdin='{"key": null}\n'),
    _case("broken JSON on stdin", "eval -", 2, "something else than artifact keys", stdin='{"key": \n'),
    _case("deep JSON on stdin", "eval -", 2, "something else than artifact keys", stdin='{"a":' * 100_000 + "\n"),
    _case("binary stdin", "eval -", 2, "something else than artifact keys", stdin=b"\x00\xff\xfe\x89PNG\n"),
]

_MISSING = [
    *(
        _case(f"{line} without a store", line, 3, "there is no store", _STORE, "sdc data add")
        for line in (
            f"gen {_CELL}", f"judge {_CELL}", f"sample {_CELL}", f"train {_CELL}",
            f"icl {_CELL} --model a/b", f"eval {_CELL}", "eval", "report", "report gap",
            "report costs", "report data", "report generators", "report page", "data ls",
            f"data show {_CELL}", "show abcd", "store ls", "store show abcd", "store verify",
            "store gc", "store sql 'select 1'", "export --run abcd --out o", "gen abcd",
        )
    ),
    _case("gen without data", f"gen {_CELL}", 5, "no human train examples of te/topic", "sdc data add",
          make=files.empty_store, notes=("pocket models",)),
    _case("judge without a generation", f"judge {_CELL}", 5, "no gen artifact of te/topic", _STORE, "sdc gen",
          make=files.empty_store),
    _case("top-up without a judgement", f"gen {_CELL} --model pocket-teacher --top-up", 2, "no judgement", "sdc judge",
          make=files.empty_store, notes=("pocket models",)),
    _case("sample without a generation", f"sample {_CELL}", 5, "no gen artifact of te/topic", _STORE, "sdc gen",
          make=files.empty_store),
    _case("sample without human data", f"sample {_CELL} --source human", 5, "no human train examples", "sdc data add",
          make=files.empty_store),
    _case("sample of seeds that nobody showed", "sample {gen} --source seeds", 5, "no seeds rows", chain=True),
    _case("train without a sample", f"train {_CELL}", 5, "no sample draws of te/topic", _STORE, "sdc sample",
          make=files.empty_store),
    _case(
        "train without test data", f"train {_CELL}", 5, "no human test examples of te/topic", "--split test",
        make=lambda place: (
            place.keys.update(gen=place.add("s.csv", files.rows(14), "--source", "synthetic")),
            place.sdc("sample", place.keys["gen"], "--sizes", "7", "--repeats", "1"),
        ),
        notes=("samples synthetic",),
    ),
    _case("icl without test data", f"icl {_CELL} --model a/b", 5, "no human test examples of te/topic", "data add",
          make=files.empty_store),
    _case("icl without a sample", "icl --lang te --task topic --source human --model a/b", 5, "no human sample",
          chain=True),
    _case("eval without runs", f"eval {_CELL}", 5, "no runs of te/topic", _STORE, "sdc train",
          make=files.empty_store),
    _case("report of an empty store", "report", 5, "there are no runs to report", _STORE,
          make=files.empty_store),
    _case("fetch of a task without a public set", "data fetch --lang en --task sarcasm", 5, "not on the hub"),
    _case("fetch from no folder", f"data fetch {_CELL} --from none", 5, "no such folder", "none", notes=("fetching",)),
    _case("demo in a language without examples", "demo --lang fr --store d.duckdb", 5, "no demo examples", "te"),
]  # fmt: skip


_MOODS = "--lang te --task moods.toml"
_TASKS = [
    _case("task file that is missing", "gen --lang te --task none.toml", 5, "cannot read the task file", "none.toml"),
    _case("task file that is a folder", "gen --lang te --task x.toml", 5, "cannot read the task file", "x.toml",
          make=file("x.toml/y", "")),
    _case("broken TOML", f"gen {_MOODS}", 2, "not valid TOML", "moods.toml", make=file("moods.toml", "name = [")),
    _case("TOML that is too deep", f"gen {_MOODS}", 2, "not valid TOML", make=file("moods.toml", "a = " + "[" * 9999)),
    _case("task file that is binary", f"gen {_MOODS}", 5, "not UTF-8", make=file("moods.toml", b"\x00\xff\xfe\x00")),
    _case("task file in UTF-16", f"gen {_MOODS}", 5, "not UTF-8", make=file("moods.toml", files.TASK.encode("utf-16"))),
    _case("empty task file", f"gen {_MOODS}", 2, "'name' is missing", "moods.toml", make=file("moods.toml", "")),
    _case("task without instruction", f"gen {_MOODS}", 2, "'instruction' is missing", "moods.toml",
          make=file("moods.toml", files.TASK.replace("instruction", "# "))),
    _case("task with an unknown field", f"gen {_MOODS}", 2, "unknown field 'colour'", "moods.toml",
          make=file("moods.toml", "colour = 'red'\n" + files.TASK)),
    _case("task with a field of the wrong type", f"gen {_MOODS}", 2, "'quota' must be int", "moods.toml",
          make=file("moods.toml", "quota = 'ten'\n" + files.TASK)),
    _case("task with two equal labels", f"gen {_MOODS}", 2, "two labels answer to 'glad'", "moods.toml",
          make=file("moods.toml", files.TASK.replace("sad", "Glad"))),
    _case("task with one label", f"gen {_MOODS}", 2, "at least two labels", "moods.toml",
          make=file("moods.toml", files.TASK.rpartition("[[labels]]")[0])),
    _case("task without {options}", f"gen {_MOODS}", 2, "lacks {options}", "moods.toml",
          make=file("moods.toml", files.TASK.replace("{options}", "them"))),
    _case("task name that no flag can say", f"gen {_MOODS}", 2, "'a,b' cannot be given to --task", "moods.toml",
          make=file("moods.toml", files.TASK.replace("moods", "a,b"))),
    _case("task with a built-in name", f"data add a.csv {_MOODS} --split train", 2, "like a built-in task", "--task",
          prepare=(file("moods.toml", files.TASK.replace("moods", "topic")), file("a.csv", "text,label\na,glad\n"))),
    _case("gen after the labels changed", f"gen {_MOODS}", 2, "labels of task moods have changed",
          make=files.changed_task, notes=("pocket models",)),
    _case("train after the labels changed", f"train {_MOODS}", 2, "labels of task moods have changed",
          notes=("samples",),
          prepare=(files.own_task, lambda place: place.sdc("sample", "--lang", "te", "--task", "moods", "--source",
                   "human", "--sizes", "4", "--repeats", "1"), files.changed_task)),
]  # fmt: skip

_FILE = f"data add x.csv {_ADD}"
_JSONL = f"data add x.jsonl {_ADD}"
_FILES = [
    _case("missing file", _FILE, 5, "no such file", "x.csv", "check the path"),
    _case("folder instead of a file", _FILE, 5, "a folder, not a file", "x.csv", make=file("x.csv/y", "")),
    _case("empty file", _FILE, 5, "the file is empty", "x.csv", make=file("x.csv", "")),
    _case("header only", _FILE, 5, "the file has no rows", "x.csv", make=file("x.csv", "text,label\n")),
    _case("binary file", _FILE, 5, "not UTF-8", "x.csv", make=file("x.csv", b"\x89PNG\r\n\x1a\n\xff\xfe\x00" * 99)),
    _case("UTF-16 file", _FILE, 5, "is UTF-16", "--encoding utf-16",
          make=file("x.csv", "text,label\na,0\n".encode("utf-16"))),
    _case("file with a NUL", _FILE, 5, "a NUL at byte 12", "x.csv", make=file("x.csv", "text,label\na\0b,0\n")),
    _case("Latin-1 file", _FILE, 5, "not UTF-8 (byte 13, line 2)", "--encoding latin-1",
          make=file("x.csv", b"text,label\nna\xefve,0\n")),
    _case("huge file", _FILE, 5, "too large (3.0 GiB", "x.csv", "sample", make=files.sparse("x.csv", 3 * 2**30)),
    _case("unknown kind of file", f"data add x.xlsx {_ADD}", 5, "unknown kind of file '.xlsx'", ".csv",
          make=file("x.xlsx", "PK")),
    _case("device", f"data add /dev/zero {_ADD}", 5, "no regular file", "/dev/zero"),
    _case("unterminated quote", _FILE, 5, "the quoting breaks", "line 2", "close the quote",
          make=file("x.csv", 'text,label\n"a,0\nb,1\n')),
    _case("no text column", _FILE, 2, "no text column", "'words'", "--text-column",
          make=file("x.csv", "words,label\na,0\n")),
    _case("unknown text column", f"{_FILE} --text-column txt", 2, "no column 'txt'", "--text-column",
          make=file("x.csv", "text,label\na,0\n")),
    _case("unknown label column", f"{_FILE} --label-column lbl", 2, "no column 'lbl'", "--label-column",
          make=file("x.csv", "text,label\na,0\n")),
    _case("two columns of one name", _FILE, 2, "two columns are called 'text'", "x.csv",
          make=file("x.csv", "text,text,label\na,b,0\n")),
    _case("semicolons for commas", _FILE, 2, "delimiter", "x.csv", make=file("x.csv", "text;label\na;0\n")),
    _case("unknown labels", _FILE, 5, "2 of 2 rows have no usable label", "'weather'", "travel",
          make=file("x.csv", "text,label\na,weather\nb,rain\n")),
    _case("texts that are all empty", _FILE, 5, "none of 2 rows can be used", "x.csv",
          make=file("x.csv", "text,label\n,0\n ,1\n")),
    _case("broken JSON lines", _JSONL, 5, "not JSON", "line 1", "x.jsonl",
          make=file("x.jsonl", '{"text": "a", "label": 0\n{"text": \n')),
    _case("JSON list that breaks off", _JSONL, 5, "no JSON", "x.jsonl",
          make=file("x.jsonl", '[{"text": "a", "label": 0}')),
    _case("JSON object", f"data add x.json {_ADD}", 2, "one JSON object", "--records rows",
          make=file("x.json", '{\n"rows": [{"text": "a", "label": 0}]}')),
    _case("no such records", f"data add x.json {_ADD} --records a.b", 2, "no 'a' in the file", "rows", "--records",
          make=file("x.json", '{"rows": [{"text": "a", "label": 0}]}')),
    _case("labels from 1", _FILE, 5, "the labels are numbers, 1 (1x), 2 (1x)", "--label-map",
          make=file("x.csv", "text,label\na,1\nb,2\n")),
    _case("no label of the map", f"{_FILE} --label-map 1=rain", 2, "has no label 'rain'", "--label-map",
          make=file("x.csv", "text,label\na,1\n")),
    _case("no map", f"{_FILE} --label-map rain", 2, "is not VALUE=LABEL", make=file("x.csv", "text,label\na,1\n")),
    _case("delimiter of two", f"{_FILE} --delimiter '||'", 2, "of 2 characters", "--quoting none",
          make=file("x.csv", "text,label\na,1\n")),
    _case("delimiter that is a quote", f"{_FILE} --delimiter '\"'", 2, "no delimiter", "tab",
          make=file("x.csv", "text,label\na,1\n")),
    _case("unknown quoting", f"{_FILE} --quoting all", 2, "unknown quoting 'all'", "none"),
    _case("unknown encoding", f"{_FILE} --encoding utf-88", 2, "unknown encoding", "latin-1"),
    _case("encoding that is no text", f"{_FILE} --encoding base64", 2, "unknown encoding", "latin-1"),
    _case("delimiter of a JSON file", f"{_JSONL} --delimiter tab", 2, "no delimiters", "--delimiter",
          make=file("x.jsonl", "{}")),
    _case("records of a CSV file", f"{_FILE} --records a", 2, "no JSON", "--records", make=file("x.csv", "a,b\n")),
    _case("condition without a value", f"{_FILE} --where partition", 2, "is not COLUMN=VALUE", "--where"),
    _case("condition on no column", f"{_FILE} --where part=a", 2, "no column 'part'", "--where",
          make=file("x.csv", "text,label\na,0\n")),
    _case("condition that nothing meets", f"{_FILE} --where part=dev", 5, "no row has part=dev", "train (1 row)",
          make=file("x.csv", "text,label,part\na,0,train\n")),
    _case("text file without a delimiter", f"data add x.txt {_ADD}", 5, "nothing says what separates", "--delimiter",
          make=file("x.txt", "text label\na 0\n")),
    _case("rows in another language", _FILE, 2, "column 'lang' says that rows are not in te", "--where lang=",
          make=file("x.csv", "text,label,lang\na,0,sw\n")),
    _case("one file twice", f"data add x.csv ./x.csv {_ADD}", 2, "named twice",
          make=file("x.csv", "text,label\na,0\n")),
    _case("nothing to append to", f"{_FILE} --append abcd", 3, "there is no store",
          make=file("x.csv", "text,label\na,0\n")),
    _case("JSON that is too deep", _JSONL, 5, "not JSON", "x.jsonl", make=file("x.jsonl", '{"a":' * 99_999)),
    _case("JSON numbers for rows", _JSONL, 5, "int where an object belongs", make=file("x.jsonl", "1\n2\n")),
    _case("lone surrogates only", _JSONL, 5, "lone surrogate", "x.jsonl",
          make=file("x.jsonl", files.jsonl({"text": "\ud800", "label": 0}))),
    _case("lone surrogate in a column name", _JSONL, 2, "no text column", "x.jsonl",
          make=file("x.jsonl", files.jsonl({"te\ud800xt": "a", "label": 0}))),
    _case("lone surrogate in a label", _JSONL, 5, "no usable label", "x.jsonl",
          make=file("x.jsonl", files.jsonl({"text": "a", "label": "\ud800"}))),
    _case("broken Parquet", f"data add x.parquet {_ADD}", 5, "not a readable Parquet file", "x.parquet",
          make=file("x.parquet", b"PAR1" + b"\0" * 99 + b"PAR1")),
    _case("paper folder that is missing", "data add --paper none", 5, "no such folder", "none"),
    _case("paper folder without its files", "data add --paper .", 5, "none of the paper's files"),
]  # fmt: skip

_ADD_FILE = file("x.csv", "text,label\na,0\nb,1\n")
_STORES = [
    _case("text file as store", "store ls", 3, "not an sdc store", _STORE, "--store", damaged=True,
          make=file("store/store.duckdb", "hello, this is a text")),
    _case("empty file as store", "store ls", 3, "not an sdc store", _STORE, damaged=True,
          make=file("store/store.duckdb", "")),
    _case("SQLite file as store", "store ls", 3, "not an sdc store", _STORE, make=files.sqlite_file, damaged=True),
    _case("foreign DuckDB file as store", _FILE, 3, "not an sdc store", _STORE, damaged=True,
          prepare=(_ADD_FILE, files.foreign_duckdb)),
    _case("foreign file with migrations", _FILE, 3, "not an sdc store", _STORE, damaged=True,
          prepare=(_ADD_FILE, files.foreign_migrations)),
    _case("foreign file with other migrations", _FILE, 3, "not an sdc store", _STORE, damaged=True,
          prepare=(_ADD_FILE, files.other_migrations)),
    _case("newer store", "store ls", 3, "made by a newer sdc", _STORE, "update sdc", chain=True, make=files.newer,
          damaged=True),
    _case("folder as store", "store ls --store .", 3, "cannot open the store", "directory"),
    _case("store below a file", "data add x.csv --lang te --task topic --split train --store x.csv/s.duckdb", 3,
          "cannot open the store", "x.csv/s.duckdb", "permissions", make=_ADD_FILE),
    _case("store where nothing can be written", f"{_FILE} --store /proc/sdc/store.duckdb", 3, "cannot open the store",
          "/proc/sdc", "permissions", make=_ADD_FILE),
    _case("path that is too long", f"store ls --store {'x' * 5000}", 3, "cannot open the store", "too long"),
    _case("truncated blob", "store verify", 3, "1 fault;", _STORE, chain=True, make=files.truncated_blob,
          notes=("is truncated; run the command that made it again with --force",), damaged=True),
    _case("planted pickle", "store verify", 3, "1 fault;", _STORE, chain=True, make=files.planted_pickle,
          notes=("it is a pickle; `sdc store gc` removes it",), damaged=True),
    _case("reply cache that is a text file", "store verify", 3, "1 fault;", _STORE, chain=True,
          make=file("store/store.duckdb.d/replies/cache.db", "hello"), notes=("cannot be read",), damaged=True),
    _case("merge with itself", "store merge store/store.duckdb", 2, "merged with itself", _STORE, chain=True),
    _case("merge of a missing file", "store merge none.duckdb", 3, "there is no store", "none.duckdb", chain=True),
    _case("merge of a text file", "store merge train.csv", 3, "not an sdc store", "train.csv", chain=True),
    _case("merge of a folder", "store merge .", 3, "cannot open the store", "directory", chain=True),
    _case("several statements", "store sql 'select 1; select 2'", 2, "not one select", "docs/store.md", chain=True),
    _case("a write", "store sql 'delete from artifacts'", 2, "not one select", "sdc store sql", chain=True),
    _case("no SQL", "store sql 'selct 1'", 2, "syntax error", "sdc store sql", "docs/store.md", chain=True),
    _case("a file of the system", "store sql \"select * from read_csv('/etc/passwd')\"", 2, "disabled", chain=True),
]  # fmt: skip

_ICL = f"icl {_CELL} --shots 0"
_MODELS = [
    _case("folder without config.json", f"{_ICL} --model model", 2, "config.json is missing", "model", chain=True,
          make=files.model(None)),
    _case("garbage config.json", f"{_ICL} --model model", 4, "cannot load the model", "model", "check the folder",
          chain=True, make=files.model("{garbage")),
    _case("config.json that is a list", f"{_ICL} --model model", 4, "cannot load the model", chain=True,
          make=files.model("[1]")),
    _case("config.json of no known model", f"{_ICL} --model model", 4, "cannot load the model", chain=True,
          make=files.model('{"model_type": "telepathy"}', b"\0")),
    _case("finetune of a garbage model", f"train {_CELL} --method finetune --model model", 4, "cannot load the model",
          "check the folder", chain=True, make=files.model("{garbage"), notes=("samples",)),
    _case("hub model without a network", f"{_ICL} --model nobody/nothing", 4, "cannot load the model",
          "nobody/nothing", "hf download", chain=True),
    _case("hub id of impossible characters", f"{_ICL} --model 'a b/c?d'", 4, "cannot load the model", chain=True),
    _case("unknown engine", f"{_ICL} --model nobody/nothing --engine steam", 2, "unknown engine 'steam'", "--engine",
          chain=True),
]  # fmt: skip

CASES = [*_FLAGS, *_KEYS, *_MISSING, *_TASKS, *_FILES, *_STORES, *_MODELS]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SDC_STORE", str(folder / "store" / "store.duckdb"))
    return Place(folder=folder)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_one_line_and_an_exit_code(
    case: Case, place: Place, chain_of_stages: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case.chain:
        chain_of_stages(place)
    for prepare in case.prepare:
        prepare(place)
    before = _bytes(place)
    for name, value in case.env.items():
        monkeypatch.setenv(name, value)
    result = program.sdc(_arguments(case.argv, place), stdin=case.stdin)
    for name in case.env:
        monkeypatch.delenv(name)

    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    check_said(result.exit_code, result.stdout, result.stderr, code=case.code, says=case.says, notes=case.notes)
    if case.damaged:
        assert _bytes(place) == before
    else:
        assert_clean(place)


def check_said(
    exit_code: int, stdout: str, stderr: str, *, code: int, says: Sequence[str], notes: Sequence[str] = ()
) -> None:
    """The last line is the error, with what, where and what to do next; before it stand the notes and nothing else."""
    assert (exit_code, stdout) == (code, ""), stderr
    *before, line = stderr.splitlines()
    assert _LINE.fullmatch(line), line
    assert [fragment for fragment in says if fragment not in line] == [], line
    assert len(before) == len(notes), stderr
    assert all(note in said for note, said in zip(notes, before, strict=True)), stderr
    assert "Traceback" not in stderr


def assert_clean(place: Place) -> None:
    if place.store.exists():
        found = verify(place.store)
        assert (found.faults, found.notes) == ((), ())


def _arguments(argv: str, place: Place) -> list[str]:
    return [re.sub(r"\{(\w+)\}", lambda key: place.keys[key[1]], word) for word in shlex.split(argv)]


def _bytes(place: Place) -> bytes | None:
    path = place.store.path
    return path.read_bytes() if path.is_file() else None


# -- programs of their own: pipes, signals, limits ------------------------------------------------------------------


def start(place: Place, command: str, **more: Any) -> "subprocess.Popen[str]":
    """Starts a shell line in which `sdc` is the real program."""
    program = f"{shlex.quote(sys.executable)} -m sdc"
    return subprocess.Popen(
        ["bash", "-c", re.sub(r"\bsdc(?= )", program, re.sub(r"\{(\w+)\}", lambda key: place.keys[key[1]], command))],
        cwd=place.folder,
        env={**os.environ, **more.pop("env", {})},
        stdin=more.pop("stdin", subprocess.DEVNULL),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        **more,
    )


def run(place: Place, command: str, **more: Any) -> tuple[int, str, str]:
    process = start(place, command, **more)
    stdout, stderr = process.communicate(timeout=120)
    return process.returncode, stdout, stderr


@pytest.mark.parametrize(
    "command",
    ["store ls", "store sql 'select * from examples' --format csv", "report --format md", "--help"],
)
def test_a_closed_pipe_is_quiet(place: Place, chain_of_stages: Chain, command: str) -> None:
    chain_of_stages(place)
    code, _, stderr = run(place, f"sdc {command} | true; echo ${{PIPESTATUS[0]}} >&2; exit ${{PIPESTATUS[0]}}")
    assert code in (0, 141), stderr
    assert stderr.split()[-1] in ("0", "141")
    assert "Traceback" not in stderr and "Exception" not in stderr and "Error" not in stderr
    assert_clean(place)


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("sdc store ls --json > /dev/full", 3, "the disk is full"),
        ("sdc store ls --json >&-", 0, ""),
        ("sdc eval - <&-", 2, "there is none"),
        ("sdc store show 2>&- 0000", 2, ""),
        ("COLUMNS=wide PYTHONIOENCODING=ascii sdc store sql 'select text from examples limit 1'", 0, ""),
        ("sdc data add $'\\xff.csv' --lang te --task topic --split train", 2, "is not UTF-8"),
    ],
)
def test_odd_streams(place: Place, chain_of_stages: Chain, command: str, code: int, said: str) -> None:
    chain_of_stages(place)
    found, _, stderr = run(place, command)
    assert found == code, stderr
    assert [said in line for line in stderr.splitlines()] == ([True] if said else [])
    assert_clean(place)


_MANY = "text,label\n" + "".join(f"{'text ' * 40}{i},{i % 7}\n" for i in range(20_000))


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of one megabyte, where this user may mount one."""
    folder.mkdir()
    mounted = os.geteuid() == 0 and _mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder))
    if not mounted:
        pytest.skip("this user may not mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


def test_a_full_disk(place: Place) -> None:
    place.write("many.csv", _MANY)
    with small_disk(place.folder / "store"):
        place.add("few.csv", files.rows(7), "--split", "test")
        for _ in range(2):
            code, stdout, stderr = run(place, f"sdc data add many.csv {_ADD}")
            check_said(code, stdout, stderr, code=3, says=(_STORE, "disk space"))
            assert_clean(place)
        assert len(place.store.everything()) == 1


def test_a_file_that_may_not_grow(place: Place) -> None:
    """What a full disk is for a user who may mount nothing: files end at two megabytes."""
    place.write("many.csv", _MANY)
    place.add("few.csv", files.rows(7), "--split", "test")
    code, stdout, stderr = run(place, f"ulimit -f 2048; sdc data add many.csv {_ADD}")
    check_said(code, stdout, stderr, code=3, says=(_STORE,))
    assert_clean(place)
    assert len(place.store.everything()) == 1


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Makes a folder read-only, for root too."""
    if os.geteuid() != 0:
        folder.chmod(0o555)
        yield
        folder.chmod(0o755)
        return
    if not _mount("--bind", str(folder), str(folder)):
        pytest.skip("root may not mount here, and permissions do not bind root")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_store(place: Place, chain_of_stages: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    chain_of_stages(place)
    place.write("new.csv", files.rows(7, start=90))
    with read_only(place.folder / "store"):
        for command, code in (
            (f"data add new.csv {_ADD}", 3),
            ("sample {gen} --sizes 3 --repeats 1", 3),
            ("store gc", 3),
        ):
            result = program.sdc(_arguments(command, place))
            check_said(result.exit_code, result.stdout, result.stderr, code=code, says=(_STORE,))
        for command in ("store ls", "store verify", f"data show {_CELL}", "eval {run}", "report"):
            result = program.sdc(_arguments(command, place))
            assert result.exit_code == 0, (command, result.stderr, result.exception)
        assert_clean(place)


@contextmanager
def held(place: Place) -> Iterator[int]:
    """Another process has the store; gives its number."""
    code = "import sys; from pathlib import Path; from sdc.cache.store import Store\n"
    code += "with Store(Path(sys.argv[1])).open(write=True): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(place.store.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield holder.pid
        assert holder.stdin is not None
        holder.stdin.close()


def test_a_store_that_another_process_holds(
    place: Place, chain_of_stages: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain_of_stages(place)
    monkeypatch.setenv("SDC_LOCK_TIMEOUT_S", "0.3")
    with held(place) as holder:
        result = program.sdc(["store", "ls"])
    said = (f"waited 0.3 s for the store; last held by process {holder}", _STORE, "try again")
    check_said(result.exit_code, result.stdout, result.stderr, code=3, says=said)
    assert_clean(place)


def test_ctrl_c_while_it_waits(place: Place, chain_of_stages: Chain) -> None:
    chain_of_stages(place)
    with held(place):
        process = start(place, "exec sdc store ls", start_new_session=True)
        waiting.until(lambda: waiting.one_waits_for(place.store), process)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    check_said(process.returncode, stdout, stderr, code=130, says=("stopped; what was finished is kept",))
    assert_clean(place)


def test_ctrl_c_in_the_middle_of_a_stage(place: Place, chain_of_stages: Chain) -> None:
    chain_of_stages(place)
    sample = place.sdc("sample", place.keys["gen"], "--strategy", "random", "--sizes", "14", "--repeats", "600")
    before = len(place.store.everything())
    process = start(place, f"exec sdc train {sample}", start_new_session=True)
    waiting.until(lambda: len(place.store.everything()) > before, process)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    check_said(process.returncode, stdout, stderr, code=130, says=("the same command goes on from there",))
    assert_clean(place)
    kept = len(place.store.everything()) - before
    assert kept > 0
    code, stdout, stderr = _sdc(place, f"train {sample}")
    assert code == 0
    assert len(stdout.split()) > kept
    assert int(re.findall(r"(\d+) already there", stderr)[0]) == kept


def test_ctrl_c_in_the_middle_of_a_query(place: Place) -> None:
    files.empty_store(place)
    endless = "select sum(a.range * b.range) from range(10000000) a, range(10000000) b"
    process = start(place, f"exec sdc store sql '{endless}'", start_new_session=True)
    waiting.until(lambda: turn.holder_of(place.store.path) == process.pid, process)
    opened_s = waiting.cpu_s(process)
    waiting.until(lambda: waiting.cpu_s(process) > opened_s + 1, process)  # only the query takes so much
    assert turn.holder_of(place.store.path) == process.pid
    process.send_signal(signal.SIGINT)
    try:
        stdout, stderr = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()  # what is left behind would fail some later test
        raise
    check_said(process.returncode, stdout, stderr, code=130, says=("stopped",))
    assert_clean(place)


@pytest.mark.parametrize(("damage", "what"), [(files.halved, "was cut off"), (files.flipped, "is damaged")])
def test_a_damaged_store(place: Place, chain_of_stages: Chain, damage: Prepare, what: str) -> None:
    chain_of_stages(place)
    damage(place)
    before = _bytes(place)
    code, stdout, stderr = run(place, "sdc store verify")  # a process of its own: DuckDB may well crash here
    check_said(code, stdout, stderr, code=3, says=(f"the file {what}", _STORE, "put a copy back"))
    assert _bytes(place) == before


# -- models that can be loaded --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return files.make_model(tmp_path_factory.mktemp("models") / "tiny")


def _sdc(place: Place, command: str) -> tuple[int, str, str]:
    result = program.sdc(_arguments(command, place))
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "tokenizer_config.json", "config.json"])
@pytest.mark.parametrize("damage", ["garbage", "half"])
def test_a_damaged_model(place: Place, chain_of_stages: Chain, tiny_model: Path, name: str, damage: str) -> None:
    chain_of_stages(place)
    files.copy_model(place, tiny_model)
    path = place.folder / "model" / name
    path.write_bytes(b"\x00garbage" if damage == "garbage" else path.read_bytes()[: path.stat().st_size // 2])
    check_said(*_sdc(place, f"{_ICL} --model model"), code=4, says=("cannot load the model", "check the folder"))
    code, stdout, stderr = _sdc(place, f"train {_CELL} --method finetune --model model --sizes all")
    check_said(code, stdout, stderr, code=4, says=("cannot load the model", "check the folder"), notes=("samples",))
    assert_clean(place)


def test_a_prompt_longer_than_the_context(place: Place, chain_of_stages: Chain, tiny_model: Path) -> None:
    chain_of_stages(place)
    files.copy_model(place, tiny_model, max_position_embeddings=64)
    check_said(*_sdc(place, f"{_ICL} --model model"), code=4, says=("exceeds the context of 64", "fewer shots"))
    assert_clean(place)


def test_a_planted_pickle_is_never_read(place: Place, chain_of_stages: Chain, tiny_model: Path) -> None:
    chain_of_stages(place)
    files.copy_model(place, tiny_model)
    assert _sdc(place, f"{_ICL} --model model")[0] == 0
    files.planted_pickle(place)
    code, _, stderr = _sdc(place, f"{_ICL} --model model --force")
    assert (code, " replies in " in stderr, "it is a pickle" in stderr) == (0, True, True), stderr
    assert not (place.folder / "pwned").exists()
    assert _sdc(place, "store gc")[0] == 0  # the one that nobody asks for again
    assert_clean(place)


# -- what is odd, and works -----------------------------------------------------------------------------------------


def test_a_text_of_ten_megabytes(place: Place) -> None:
    place.write("x.csv", f"text,label\n{'ఆట ' * 1_500_000},0\nb,1\n")
    code, _, stderr = _sdc(place, _FILE)
    assert code == 0, stderr
    assert "2 train rows, 2 ok" in stderr
    assert _sdc(place, f"data show {_CELL}")[0] == 0
    assert_clean(place)


def test_bad_rows_among_good_ones_are_data(place: Place) -> None:
    good = [{"text": f"text {i}", "label": i % 7} for i in range(20)]
    place.write("x.jsonl", files.jsonl(*good, {"text": "half \ud83d", "label": 0}, {"text": "a", "label": "weather"}))
    code, _, stderr = _sdc(place, _JSONL)
    assert code == 0, stderr
    assert "22 train rows, 20 ok, 1 broken, 1 unlabelled" in stderr
    assert_clean(place)


def test_a_task_file_with_a_byte_order_mark(place: Place) -> None:
    place.write("moods.toml", b"\xef\xbb\xbf" + files.TASK.encode())
    place.add("x.csv", files.rows(4, labels=("glad", "sad")), "--source", "synthetic", task="moods.toml")
    assert _sdc(place, "sample --lang te --task moods --sizes 2 --repeats 1")[0] == 0
    assert_clean(place)


def test_merge_of_a_damaged_store(place: Place, chain_of_stages: Chain) -> None:
    chain_of_stages(place)
    content = bytearray(place.store.path.read_bytes())
    for position in range(3 * 4096, len(content)):  # the headers are sound, all blocks are not
        content[position] = 0
    place.write("other.duckdb", bytes(content))
    code, stdout, stderr = run(place, "sdc store merge other.duckdb --store new.duckdb")
    check_said(code, stdout, stderr, code=3, says=("other.duckdb", "put a copy back"))
