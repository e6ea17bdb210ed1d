"""gen, judge and icl with vLLM: in this process, in the program, through vLLM's server; killed in the middle too."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import waiting
from pocket_calls import (
    LITTLE_MEMORY,
    NEEDS_VLLM,
    NOISE,
    greedy_calls,
    in_batches,
    in_vllm,
    mixed_calls,
    pocket,
    take_little_memory,
)
from scripted import answers

from sdc.cache.store import Store
from sdc.pipelines.engines import load, models
from sdc.pipelines.engines.local.transformers import TransformersEngine
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.engines.protocol import Call, Reply

pytestmark = [*NEEDS_VLLM, pytest.mark.timeout(600)]
_CELL = ["--lang", "en", "--task", "intent"]
#: gen, judge and icl, and between them what needs no model.
_CHAIN = (
    ["gen", "--quota", "2"],
    ["judge"],
    ["sample", "--sizes", "all", "--repeats", "1"],  # how many the judge accepts is its own business
    ["icl", "--shots", "1"],
    ["icl", "--shots", "0", "--decoding", "generate", "--model", "pocket-teacher"],
)
#: The places in the chain whose keys hold no generated rows: rounding may change one of these.
_FROM_NO_ROWS = (0, 1, 4)
_TEST_ROWS = 10
_ASKING = ("gen", "judge", "icl")
Invoke = Callable[..., Any]


def _add_data(invoke: Invoke, folder: Path) -> None:
    """Adds the train rows of the cell, and a part of its test rows."""
    for split, number in (("train", 100), ("test", _TEST_ROWS)):
        lines = (models.POCKET / "examples" / f"intent-en-{split}.jsonl").read_text("utf-8").splitlines()
        path = folder / f"{split}.jsonl"
        path.write_text("\n".join(lines[:: len(lines) // number][:number]), "utf-8")
        assert invoke("data", "add", str(path), *_CELL, "--split", split).exit_code == 0


def _chain(invoke: Invoke, *how: str) -> list[str]:
    """Runs the chain; returns what each command printed: the keys of its artifacts."""
    printed = []
    for command in _CHAIN:
        done = invoke(*command, *_CELL, *(how if command[0] in _ASKING else ()))
        assert done.exit_code == 0, done.stderr
        printed.append(done.stdout)
    return printed


def _engines_used(store: Store) -> Counter[str]:
    rows = store.query("select summary from artifacts where stage in ('gen', 'judge', 'icl')")
    return Counter(json.loads(row[0])["usage"]["engine"] for row in rows)


def test_the_stages_run_and_the_engine_is_in_no_key(
    invoke: Invoke, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_little_memory(monkeypatch)
    _add_data(invoke, tmp_path)
    keys = _chain(invoke, "--engine", "vllm")
    assert _engines_used(store) == {"vllm": 4}
    texts = store.query("select text from examples where source = 'synthetic' order by key, idx")
    scores = store.query("select scores from outputs where scores is not null order by key, idx")
    assert len(scores) == _TEST_ROWS
    assert _chain(invoke, "--engine", "transformers") == keys
    assert _engines_used(store) == {"vllm": 4}  # nothing was asked again
    other = Store(tmp_path / "other" / "store.duckdb", lock_timeout_s=30)
    monkeypatch.setenv("SDC_STORE", str(other.path))
    _add_data(invoke, tmp_path)
    again = _chain(invoke, "--engine", "transformers")
    assert [again[i] for i in _FROM_NO_ROWS] == [keys[i] for i in _FROM_NO_ROWS]
    assert _engines_used(other) == {"transformers": 4}
    theirs = other.query("select text from examples where source = 'synthetic' order by key, idx")
    assert len(set(theirs) & set(texts)) > 0.9 * len(texts)
    if theirs == texts:
        assert again == keys
        for (their,), (our,) in zip(
            other.query("select scores from outputs where scores is not null order by key, idx"), scores, strict=True
        ):
            assert our == pytest.approx(their, abs=NOISE)


# -- the program ----------------------------------------------------------------------------------------------------


_SAYS_ITS_SESSION = """
import os, pathlib, sys
from sdc.__main__ import main
pathlib.Path("session.txt").write_text(str(os.getsid(0)))
main()
"""


class _Program:
    """`sdc gen` with vLLM in a process, and a session, of its own."""

    def __init__(self, folder: Path, warm: Path, *flags: str) -> None:
        self.journal = folder / "journal.txt"
        self._session = folder / "session.txt"
        self._session.unlink(missing_ok=True)
        (folder / "program.py").write_text(_SAYS_ITS_SESSION, "utf-8")
        own = {"SDC_STORE": str(folder / "store" / "store.duckdb"), "SDC_CALL_JOURNAL": str(self.journal)}
        self.process = subprocess.Popen(
            [warm / "python", "program.py", "gen", *_CELL, "--engine", "vllm", *flags],
            env={**os.environ, **LITTLE_MEMORY, **own}, cwd=folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    @property
    def session(self) -> int:
        return int(self._session.read_text("utf-8"))

    def answered(self) -> list[str]:
        """Returns the keys of the calls whose replies were kept."""
        return self.journal.read_text("utf-8").splitlines() if self.journal.is_file() else []

    def signal_after(self, number: int, kind: int) -> None:
        """Sends a signal to the whole session when so many calls are answered."""
        waiting.until(lambda: len(self.answered()) >= number, self.process)
        os.killpg(self.session, kind) if kind != signal.SIGKILL else os.kill(self.session, kind)


def _leaves_nothing(session: int) -> None:
    """Fails where a process of a session is left some time after its end."""
    waiting.until(lambda: not waiting.of_session(session), within_s=20, shown=lambda: waiting.of_session(session))


def test_a_kill_loses_no_reply_that_was_given_and_leaves_no_process(invoke: Invoke, tmp_path: Path, warm: Path) -> None:
    _add_data(invoke, tmp_path)
    first = _Program(tmp_path, warm, "--quota", "20")
    first.signal_after(8, signal.SIGKILL)
    _, errors = first.process.communicate(timeout=60)
    assert first.process.returncode == -signal.SIGKILL, errors
    _leaves_nothing(first.session)
    given = first.answered()
    second = _Program(tmp_path, warm, "--quota", "20")
    second.signal_after(len(given) + 8, signal.SIGINT)
    _, errors = second.process.communicate(timeout=120)
    assert second.process.returncode not in (0, 1)  # 1 is a bug
    assert "Traceback" not in errors
    _leaves_nothing(second.session)
    third = _Program(tmp_path, warm, "--quota", "20")
    printed, errors = third.process.communicate(timeout=300)
    assert third.process.returncode == 0, errors
    assert len(printed.split()) == 1  # stdout is the key alone, whatever vLLM has to say
    assert "vllm" not in errors.lower()
    asked = Counter(third.answered())
    assert set(asked.values()) == {1}
    assert set(given) <= set(asked)


_TWO_WORKERS = """
import os, sys
from sdc.pipelines.engines import load
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.engines.protocol import Call
if __name__ == "__main__":
    calls = [Call(prompt="Write.", max_tokens=8), Call(prompt="Which?", choices=("yes", "no way"))]
    engine = load("vllm", Model(name="two", source=sys.argv[1], digest="d"), EngineOptions(tensor_parallel=2))
    found = {i: reply for group in engine.answer(calls) for i, reply in group.items()}
    print(found[0].text.encode().hex(), *found[1].scores, flush=True)
    os.kill(os.getpid(), 9)
"""


@pytest.mark.campaign
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two workers need two cores")
def test_two_workers_share_a_model_and_end_with_a_killed_program(tmp_path: Path) -> None:
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    folder = tmp_path / "model"
    tokenizer = AutoTokenizer.from_pretrained(pocket("student").source)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        head_dim=32, intermediate_size=64, max_position_embeddings=512, initializer_range=0.2, bos_token_id=1,
        eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    script = tmp_path / "two.py"
    script.write_text(_TWO_WORKERS, "utf-8")
    program = subprocess.Popen(
        [sys.executable, str(script), str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env={**os.environ, **LITTLE_MEMORY, "VLLM_CPU_OMP_THREADS_BIND": "0|1"},
    )  # fmt: skip
    printed, errors = program.communicate(timeout=300)
    assert program.returncode == -signal.SIGKILL, errors
    text, *scores = printed.split()
    calls = [Call(prompt="Write.", max_tokens=8), Call(prompt="Which?", choices=("yes", "no way"))]
    expected = answers(TransformersEngine(Model(name="two", source=str(folder), digest="d")), calls)
    assert bytes.fromhex(text).decode() == expected[0].text
    assert [float(score) for score in scores] == pytest.approx(expected[1].scores, abs=NOISE)
    _leaves_nothing(program.pid)


# -- vLLM's own server ------------------------------------------------------------------------------------------------


def _served(url: str, model: Model, calls: list[Call]) -> list[Reply]:
    return answers(load("openai", model, EngineOptions(engine="openai", server=url)), calls)


@pytest.mark.parametrize("is_adapted", [False, True])
def test_a_server_answers_as_the_engine_does(
    vllm_server: str, vllm: Any, teacher_adapter: Path, is_adapted: bool
) -> None:
    model = pocket("teacher", adapter=teacher_adapter if is_adapted else None)
    calls = [*greedy_calls()[::22], *(call for call in mixed_calls()[::18] if call.choices)]
    served = _served(vllm_server, model, calls)
    with in_vllm(model) if is_adapted else nullcontext(vllm) as engine:
        ours = answers(engine, calls)
    equal = [theirs.text == our.text for theirs, our in zip(served, ours, strict=True)]
    assert sum(equal) >= 0.95 * len(equal)
    for theirs, our in zip(served, ours, strict=True):
        assert theirs.scores == pytest.approx(our.scores, abs=NOISE)
        assert theirs.prompt_tokens == our.prompt_tokens
    if is_adapted:
        base = in_batches(TransformersEngine(pocket("teacher")), calls[:10])
        assert sum(plain.text != our.text for plain, our in zip(base, ours, strict=False)) > 3


def test_a_server_holds_an_answer_to_the_choices_where_it_cannot_be_scored(vllm_server: str) -> None:
    model = Model(name="pocket-teacher", source="api:pocket-teacher", served=True)
    choices = ("travel", "traffic", "క్రీడలు", 'say "no"')
    calls = [Call(prompt=f"Which? {i}", choices=choices, temperature=1.5, seed=i) for i in range(20)]
    texts = [reply.text for reply in _served(vllm_server, model, calls)]
    assert set(texts) <= set(choices)
    assert len(set(texts)) > 1


def test_the_stages_run_through_a_server(invoke: Invoke, store: Store, tmp_path: Path, vllm_server: str) -> None:
    _add_data(invoke, tmp_path)
    for command in _CHAIN[:2]:
        done = invoke(*command, *_CELL, "--server", vllm_server)
        assert done.exit_code == 0, done.stderr
    done = invoke("icl", "--shots", "0", "--model", "pocket-teacher", *_CELL, "--server", vllm_server)
    assert done.exit_code == 0, done.stderr
    assert _engines_used(store) == {"openai": 3}
    scores = store.query("select scores from outputs order by key, idx")
    assert len(scores) == _TEST_ROWS
    assert all(len(row[0]) == 10 for row in scores)
