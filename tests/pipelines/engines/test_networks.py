"""Weights that are missing, left over, of another shape or no numbers: an error of every loader, never a result."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sdc.cache.store import Store
from sdc.errors import EngineError, SdcError
from sdc.pipelines.engines import models, tokenizers
from sdc.pipelines.engines.local.transformers import TransformersEngine
from sdc.pipelines.engines.models import POCKET, Model
from sdc.pipelines.engines.protocol import Call, Reply

LAYER = "model.layers.1.mlp.up_proj.weight"
Change = Callable[[dict[str, Any]], None]


def _remove(tensors: dict[str, Any]) -> None:
    del tensors[LAYER]


def _add(tensors: dict[str, Any]) -> None:
    tensors[LAYER.replace(".1.", ".7.")] = tensors[LAYER].clone()


def _cut(tensors: dict[str, Any]) -> None:
    tensors[LAYER] = tensors[LAYER][:, :-1].clone()


def _nan(tensors: dict[str, Any]) -> None:
    tensors[LAYER][0, 0] = float("nan")


def _infinite(tensors: dict[str, Any]) -> None:
    tensors[LAYER][0, 0] = float("-inf")


FAULTS = {
    "missing": (_remove, rf"missing: {LAYER}\)"),
    "left over": (_add, r"not part of it: model\.layers\.7\.mlp\.up_proj\.weight\)"),
    "of another shape": (_cut, rf"of another shape: {LAYER} is 512x191, not 512x192\)"),
    "NaN": (_nan, rf"weights are not finite \({LAYER}\)"),
    "infinite": (_infinite, rf"weights are not finite \({LAYER}\)"),
}


def changed(folder: Path, change: Change) -> Path:
    """Changes the weights in a folder."""
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    file.unlink()
    save_file(tensors, file, metadata={"format": "pt"})
    return folder


@pytest.fixture
def student(tmp_path: Path) -> Path:
    return Path(shutil.copytree(POCKET / "student", tmp_path / "student"))


def model(folder: Path) -> Model:
    return Model(name="mine", source=str(folder), digest="d")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_language_model_with_other_weights_than_its_config_says_is_refused(student: Path, fault: str) -> None:
    change, line = FAULTS[fault]
    with pytest.raises(EngineError, match=line):
        TransformersEngine(model(changed(student, change)))


@pytest.mark.parametrize("fault", FAULTS)
def test_the_base_of_a_classifier_too(student: Path, fault: str) -> None:
    from sdc.pipelines.students.finetune import classifier

    change, line = FAULTS[fault]
    base = model(changed(student, change))
    with pytest.raises(EngineError, match=line):
        classifier.load(base, tokenizers.load(base), 3, dropout=0.1, seed=1)


@pytest.mark.parametrize("fault", FAULTS)
def test_kept_weights_of_a_classifier_too_and_its_head(student: Path, tmp_path: Path, fault: str) -> None:
    from sdc.pipelines.students.finetune import classifier

    tokenizer = tokenizers.load(model(student))
    made = classifier.load(model(student), tokenizer, 3, dropout=0.1, seed=1)
    kept = tmp_path / "kept"
    made.network.save_pretrained(kept)
    tokenizer.save_pretrained(kept)
    assert len(classifier.from_folder(kept, name="run", max_length=32)(["a text"])[0]["scores"]) == 3
    change, line = FAULTS[fault]
    with pytest.raises(EngineError, match=line):
        classifier.from_folder(changed(kept, change), name="run", max_length=32)
    shutil.copytree(kept, tmp_path / "headless", ignore=shutil.ignore_patterns("*.safetensors"))
    made.network.save_pretrained(tmp_path / "headless")
    with pytest.raises(EngineError, match=r"missing: score\.weight"):
        classifier.from_folder(changed(tmp_path / "headless", lambda t: t.pop("score.weight")), name="r", max_length=32)


def test_biases_of_zeros_that_a_quantiser_wrote_are_no_fault(student: Path) -> None:
    import torch

    def add(tensors: dict[str, Any]) -> None:
        tensors["model.layers.1.mlp.up_proj.bias"] = torch.zeros(512)

    TransformersEngine(model(changed(student, add)))

    def fill(tensors: dict[str, Any]) -> None:
        tensors["model.layers.1.mlp.up_proj.bias"][3] = 1.0

    with pytest.raises(EngineError, match=r"not part of it: model\.layers\.1\.mlp\.up_proj\.bias"):
        TransformersEngine(model(changed(student, fill)))


# -- what is computed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_no_number_is_no_answer(score: float) -> None:
    reply = Reply(scores=(-1.0, score), finish="scored").checked()
    assert (reply.finish, reply.scores, reply.is_answer) == ("failed", (), False)
    assert reply.reason == "a score is not finite"
    whole = Reply(scores=(-1.0, -2.0), finish="scored")
    assert whole.checked() == whole


# -- files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shard", ["../secret.safetensors", "/etc/secret.safetensors", "sub/model.safetensors", "x.bin"]
)
def test_an_index_that_leads_out_of_the_folder_is_refused(student: Path, tmp_path: Path, shard: str) -> None:
    weights = (student / "model.safetensors").rename(tmp_path / "secret.safetensors")
    (student / "sub").mkdir()
    shutil.copy(weights, student / "sub" / "model.safetensors")
    from safetensors import safe_open

    with safe_open(weights, framework="pt") as file:
        index = {"metadata": {}, "weight_map": dict.fromkeys(file.keys(), shard)}
    (student / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    with pytest.raises(EngineError, match="names weights that are no file beside it"):
        TransformersEngine(model(student))


def test_a_model_folder_with_an_adapter_in_it_is_refused(student: Path) -> None:
    about = {"peft_type": "LORA", "base_model_name_or_path": str(POCKET / "teacher"), "task_type": "CAUSAL_LM"}
    (student / "adapter_config.json").write_text(json.dumps(about), "utf-8")
    with pytest.raises(EngineError, match="has a model and an adapter, which names another base"):
        TransformersEngine(model(student))


@pytest.mark.parametrize(
    "file", ["vocab.txt", "merges.txt", "spiece.model", "bpe.codes", "source.spm", "additional_chat_templates/a.jinja",
             "generation_config.json", "modules.json", "model-00001-of-00002.safetensors"],
)  # fmt: skip
def test_every_file_that_is_read_is_in_the_digest(store: Store, student: Path, file: str) -> None:
    before = models.resolve(store, str(student)).identity()
    path = student / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("another", "utf-8")
    assert models.resolve(store, str(student)).identity() != before


def test_a_link_counts_by_what_it_leads_to(store: Store, student: Path, tmp_path: Path) -> None:
    before = models.resolve(store, str(student)).identity()
    moved = (student / "tokenizer.json").rename(tmp_path / "elsewhere.json")
    (student / "tokenizer.json").symlink_to(moved)
    assert models.resolve(store, str(student)).identity() == before
    moved.write_text(moved.read_text("utf-8") + " ", "utf-8")
    assert models.resolve(store, str(student)).identity() != before
    moved.unlink()
    with pytest.raises(SdcError, match="no file that can be read"):
        models.resolve(store, str(student))


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("num_hidden_layers", -1, "num_hidden_layers is -1"),
        ("num_hidden_layers", 10**12, "num_hidden_layers is 1000000000000"),
        ("num_labels", 10**9, "num_labels is 1000000000"),
        ("vocab_size", 10**12, "vocab_size is"),
        ("hidden_size", 10**9, "hidden_size is"),
        ("vocab_size", 10**7, "hidden_size x vocab_size is 1920000000, more than its"),
        ("num_attention_heads", -3, "num_attention_heads is -3"),
    ],
)
def test_settings_that_no_model_has_are_refused_before_anything_is_made(
    student: Path, name: str, value: int, line: str
) -> None:
    path = student / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), name: value}), "utf-8")
    with pytest.raises(EngineError, match=line):
        TransformersEngine(model(student))


@pytest.mark.parametrize("text", ["[]", "{", "[" * 10**5, '{"num_hidden_layers": 1' + "0" * 5000 + "}", "\xff"])
def test_a_config_that_cannot_be_read_is_one_line(student: Path, text: str) -> None:
    (student / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(EngineError) as caught:
        TransformersEngine(model(student))
    assert len(str(caught.value)) < 300
    assert "config.json" in str(caught.value)


def test_scored_calls_answer_as_before(student: Path) -> None:
    engine = TransformersEngine(model(student))
    ((reply,),) = [list(group.values()) for group in engine.answer([Call(prompt="a text", choices=("yes", "no"))])]
    assert reply.checked() == reply
    assert reply.is_answer
