import math
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from sdc.cache.store import Store
from sdc.errors import EngineError, UsageError
from sdc.pipelines.engines import models, tokenizers
from sdc.pipelines.students.finetune import FinetuneConfig, FinetuneStudent, classifier
from sdc.pipelines.students.protocol import FitFailed, Seeds

TEXTS = [f"{a} {b}" for a in ("the", "a", "it was the", "very", "sun") for b in ("good", "fine", "bad", "poor")] * 2
LABELS = [0, 0, 1, 1] * 10
SEEDS = Seeds(init=1, order=2)
QUICK = {"epochs": 2, "learning_rate": 1e-3, "batch_size": 8, "early_stopping": False}


def _student(folder: Path, tmp_path: Path, **settings: object) -> FinetuneStudent:
    config = FinetuneConfig(model=str(folder), **{**QUICK, **settings})  # type: ignore[arg-type]
    return FinetuneStudent(config, models.resolve(Store(tmp_path / "store.duckdb"), str(folder)))


@pytest.fixture(params=["bert", "llama"])
def folder(request: pytest.FixtureRequest) -> Path:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Path)
    return found


def test_encoders_and_decoders_learn_and_score_log_probabilities(folder: Path, tmp_path: Path) -> None:
    student = _student(folder, tmp_path, epochs=25, learning_rate=1e-2, dropout=0.1)
    fitted = student.fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS)
    scores = fitted.scores(["very good", "it was the bad", "a poor"])
    assert [row.index(max(row)) for row in scores] == [0, 1, 1]
    assert all(sum(map(math.exp, row)) == pytest.approx(1, abs=1e-5) for row in scores)
    assert fitted.details["steps"] == 25 * 5
    assert fitted.details["epochs"] == 25


def test_every_step_is_counted(bert: Path, tmp_path: Path) -> None:
    counts: list[tuple[int, int]] = []
    student = _student(bert, tmp_path, epochs=2)
    fitted = student.fit(
        TEXTS, LABELS, num_labels=2, seeds=SEEDS, progress=lambda done, total: counts.append((done, total))
    )
    steps = fitted.details["steps"]
    assert counts == [(number, steps) for number in range(1, steps + 1)]


def test_the_same_seeds_give_the_same_numbers(folder: Path, tmp_path: Path) -> None:

    student = _student(folder, tmp_path, dropout=0.3)
    first = student.fit(TEXTS, LABELS, num_labels=3, seeds=SEEDS).scores(TEXTS[:4])
    torch.rand(3)  # the caller's random state must not matter
    assert (
        _student(folder, tmp_path, dropout=0.3).fit(TEXTS, LABELS, num_labels=3, seeds=SEEDS).scores(TEXTS[:4]) == first
    )


def test_the_callers_random_state_and_settings_are_left_alone(bert: Path, tmp_path: Path) -> None:

    torch.manual_seed(5)
    expected = torch.rand(3).tolist()
    torch.manual_seed(5)
    _student(bert, tmp_path).fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS)
    assert torch.rand(3).tolist() == expected
    assert not torch.are_deterministic_algorithms_enabled()


def _trace(
    monkeypatch: pytest.MonkeyPatch, student: FinetuneStudent, seeds: Seeds
) -> tuple[list[float], list[list[int]]]:
    """Returns the untrained head and the order of rows of a fit."""
    from sdc.pipelines.students import schedule

    heads: list[list[float]] = []
    orders: list[list[int]] = []
    load, batches = classifier.load, schedule.batches

    def watched_load(*arguments: object, **options: object) -> classifier.Classifier:
        model = load(*arguments, **options)  # type: ignore[arg-type]
        heads.append(model.network.classifier.weight.flatten().tolist())
        return model

    def watched_batches(*arguments: object, **options: object) -> list[list[int]]:
        found = batches(*arguments, **options)  # type: ignore[arg-type]
        orders.extend(found)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(classifier, "load", watched_load)
        patch.setattr(schedule, "batches", watched_batches)
        student.fit(TEXTS, LABELS, num_labels=2, seeds=seeds)
    return heads[0], orders


def test_b18_init_and_order_have_seeds_of_their_own(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The released script has one seed for data, init and shuffle: there, both halves change together."""
    student = _student(bert, tmp_path)
    head, order = _trace(monkeypatch, student, Seeds(init=1, order=2))
    other_head, same_order = _trace(monkeypatch, student, Seeds(init=9, order=2))
    same_head, other_order = _trace(monkeypatch, student, Seeds(init=1, order=9))
    assert (head, order) == (same_head, same_order)
    assert head != other_head
    assert order != other_order


@pytest.mark.parametrize("dropout", [0.0, 0.9])
def test_dropout_works_before_the_head_of_every_family(folder: Path, tmp_path: Path, dropout: float) -> None:

    model = models.resolve(Store(tmp_path / "store.duckdb"), str(folder))
    tokenizer = tokenizers.load(model)
    loaded = classifier.load(model, tokenizer, 2, dropout=dropout, seed=1)
    row = tokenizers.encode(tokenizer, ["good film"], 16)
    loaded.network.train()
    with torch.no_grad():
        seen = {tuple(loaded.logits(row)[0].tolist()) for _ in range(5)}
    assert (len(seen) > 1) == (dropout > 0)


def test_padding_does_not_change_scores(folder: Path, tmp_path: Path) -> None:
    fitted = _student(folder, tmp_path, precision="fp32").fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS)
    (alone,) = fitted.scores(["good"])
    together = fitted.scores(["the film was very bad it was not good", "good"])[1]
    assert together == pytest.approx(alone, abs=1e-5)


def test_bf16_learns_what_fp32_does(folder: Path, tmp_path: Path) -> None:
    found = {}
    for precision in ("fp32", "bf16"):
        fitted = _student(folder, tmp_path, precision=precision, epochs=5).fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS)
        assert fitted.details["precision"] == precision
        assert {p.dtype for p in fitted._model.network.parameters()} == {torch.float32}
        found[precision] = torch.tensor(fitted.scores(TEXTS))
    assert not torch.equal(found["fp32"], found["bf16"])  # or one of the two is not what it says
    torch.testing.assert_close(found["fp32"], found["bf16"], atol=0.02, rtol=0)


def test_the_machine_chooses_the_precision_unless_it_is_given(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    assert [classifier.precision_of("cpu", wanted) for wanted in ("auto", "bf16")] == ["fp32", "bf16"]
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert [classifier.precision_of("cpu", wanted) for wanted in ("auto", "fp32")] == ["bf16", "fp32"]
    same, other = _student(bert, tmp_path), _student(bert, tmp_path, precision="fp32")
    assert "precision" not in same.identity()
    assert other.identity() == {**same.identity(), "precision": "fp32"}


def test_early_stopping_goes_back_to_the_best_epoch(bert: Path, tmp_path: Path) -> None:
    texts = TEXTS[:40]
    labels = random.Random(1).sample([0, 1] * 20, 40)  # noise: the held-out loss soon rises
    student = _student(
        bert, tmp_path, early_stopping=True, epochs=40, learning_rate=2e-2, patience=2, warmup=0.0, dropout=0.0,
        precision="fp32",
    )  # fmt: skip
    fitted = student.fit(texts, labels, num_labels=2, seeds=SEEDS)
    details = fitted.details
    assert details["dev_rows"] == 4
    assert details["rows"] == 36
    assert details["epochs"] == details["best_epoch"] + 2 < 40

    from sdc.cache.key import derive_seed
    from sdc.pipelines.students import schedule

    held = schedule.held_out(labels, fraction=0.1, seed=derive_seed(SEEDS.order, "dev"))
    scores = fitted.scores([texts[i] for i in held])
    loss = -sum(row[labels[i]] for i, row in zip(held, scores, strict=True)) / len(held)
    assert loss == pytest.approx(details["dev_loss"], abs=1e-5)


def test_a_draw_too_small_for_early_stopping_is_trained_on_whole(bert: Path, tmp_path: Path) -> None:
    details = (
        _student(bert, tmp_path, early_stopping=True).fit(TEXTS[:4], LABELS[:4], num_labels=2, seeds=SEEDS).details
    )
    assert (details["rows"], details["dev_rows"], details["epochs"]) == (4, 0, 2)


def test_a_loss_that_is_not_finite_fails_the_run_at_its_step(bert: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    sick = tmp_path / "sick"
    shutil.copytree(bert, sick)
    tensors = load_file(sick / "model.safetensors")
    tensors["bert.embeddings.word_embeddings.weight"][3:5] = 3e38  # finite, and no square of it is
    save_file(tensors, sick / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(FitFailed, match="not finite at step") as caught:
        _student(sick, tmp_path).fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS)
    assert caught.value.details["epochs"] == 0


def test_one_label_is_a_failed_run(bert: Path, tmp_path: Path) -> None:
    with pytest.raises(FitFailed, match="fewer than two labels"):
        _student(bert, tmp_path).fit(TEXTS, [1] * len(TEXTS), num_labels=2, seeds=SEEDS)


def test_saved_weights_load_again_without_pickle(bert: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    fitted = _student(bert, tmp_path, precision="fp32").fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS)
    folder = tmp_path / "weights"
    folder.mkdir()
    fitted.save(folder)
    assert {path.suffix for path in folder.iterdir()} <= {".safetensors", ".json", ".txt", ".jinja"}
    network = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    inputs = AutoTokenizer.from_pretrained(folder)(["good film"], return_tensors="pt")
    with torch.no_grad():
        logits = network(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits
    assert logits.log_softmax(-1)[0].tolist() == pytest.approx(fitted.scores(["good film"])[0], abs=1e-5)


def test_a_folder_with_broken_weights_is_an_engine_error(bert: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(bert, broken)
    (broken / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0nonsense")
    with pytest.raises(EngineError, match="cannot load the model"):
        _student(broken, tmp_path).fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"learning_rate": 0.0},
        {"learning_rate": 1e38},
        {"learning_rate": float("nan")},
        {"dropout": 1.0},
        {"warmup": 1.0},
        {"batch_size": 0},
        {"max_length": 1},
        {"batch_sizes": "mine"},
        {"dev_fraction": 0.9},
        {"patience": 0},
        {"precision": "fp16"},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        FinetuneConfig(**wrong)  # type: ignore[arg-type]


def test_a_length_that_was_asked_for_is_had_or_refused(bert: Path, tmp_path: Path) -> None:
    _student(bert, tmp_path).prepare(TEXTS)  # the usual 256 give way to the model's 32
    with pytest.raises(UsageError, match=r"300 tokens are more than the 32 that .* can take.*use 32 or less"):
        _student(bert, tmp_path, max_length=300).prepare(TEXTS)


# -- heads ----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["bert", "llama"])
def base(request: pytest.FixtureRequest) -> Path:
    return Path(request.getfixturevalue(request.param))


def _headed(base: Path, folder: Path, *, names: Sequence[str]) -> Path:
    """Writes the base with a head of these labels, as somebody's classifier."""
    from transformers import AutoModelForSequenceClassification

    shutil.copytree(base, folder)
    torch.manual_seed(7)
    network = AutoModelForSequenceClassification.from_pretrained(
        base, id2label=dict(enumerate(names)), label2id={name: i for i, name in enumerate(names)}
    )
    network.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("names", [("no", "yes"), ("a", "b", "c", "d", "e")], ids=["as many", "others"])
def test_a_head_that_the_model_brings_is_replaced_and_the_seed_decides_the_new_one(
    base: Path, tmp_path: Path, names: Sequence[str]
) -> None:

    headed = _headed(base, tmp_path / "headed", names=names)
    # What is not the head is the same in both, so that they must come to the same.
    plain = tmp_path / "plain"
    shutil.copytree(headed, plain)
    from safetensors.torch import load_file, save_file

    tensors = load_file(plain / "model.safetensors")
    body = {name: value for name, value in tensors.items() if not name.startswith(("classifier", "score"))}
    assert len(body) < len(tensors)
    save_file(body, plain / "model.safetensors", metadata={"format": "pt"})

    def weights(folder: Path, seed: int) -> dict[str, torch.Tensor]:
        model = models.resolve(Store(tmp_path / "store.duckdb"), str(folder))
        loaded = classifier.load(model, tokenizers.load(model), 2, dropout=0.1, seed=seed)
        return dict(loaded.network.state_dict())

    first, second = weights(headed, 1), weights(headed, 2)
    expected = weights(plain, 1)
    assert {name for name in first if not torch.equal(first[name], second[name])} == {
        name for name in first if name in ("classifier.weight", "score.weight")
    }
    assert all(torch.equal(first[name], expected[name]) for name in expected)


def test_a_new_head_is_as_wide_as_that_of_a_model_without_one_where_the_whole_initialises_it(
    tmp_path: Path,
) -> None:
    # ModernBERT gives its last layer another spread than its other layers, from its outermost module.
    from transformers import ModernBertConfig, ModernBertForSequenceClassification

    from sdc.pipelines.engines import networks

    config = ModernBertConfig(
        vocab_size=20, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        pad_token_id=0, bos_token_id=0, eos_token_id=0, cls_token_id=0, sep_token_id=0,
    )  # fmt: skip
    network: Any = ModernBertForSequenceClassification(config)
    network.save_pretrained(tmp_path / "headed")
    network.base_model.save_pretrained(tmp_path / "plain")

    def head(name: str) -> torch.Tensor:
        model = models.resolve(Store(tmp_path / "store.duckdb"), str(tmp_path / name))
        loaded = networks.load(model, "classifier", head_seed=1, num_labels=2)
        return torch.as_tensor(loaded.classifier.weight)

    assert torch.equal(head("headed"), head("plain"))


def test_a_head_is_kept_where_that_is_asked_for_and_is_in_the_key(base: Path, tmp_path: Path) -> None:

    headed = _headed(base, tmp_path / "headed", names=("no", "yes"))
    model = models.resolve(Store(tmp_path / "store.duckdb"), str(headed))
    loaded = classifier.load(model, tokenizers.load(model), 2, dropout=0.1, seed=1, keep_head=True)
    from safetensors.torch import load_file

    tensors = load_file(headed / "model.safetensors")
    assert all(torch.equal(value, tensors[name]) for name, value in loaded.network.state_dict().items())
    kept, new = (_student(headed, tmp_path, keep_head=keep).identity() for keep in (True, False))
    assert kept == {**new, "keep_head": True}


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (("no", "yes", "maybe"), "has 3 labels, and the task 2"),
        (("yes", "no"), "label 0 is 'yes' in the head of headed, and 'no' in the task"),
    ],
)
def test_a_head_of_other_labels_cannot_be_kept(base: Path, tmp_path: Path, names: Sequence[str], line: str) -> None:
    headed = _headed(base, tmp_path / "headed", names=names)
    model = models.resolve(Store(tmp_path / "store.duckdb"), str(headed))
    student = FinetuneStudent(FinetuneConfig(keep_head=True, epochs=1), model, labels=("no", "yes"))
    with pytest.raises(UsageError, match=line):
        student.fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS)


def test_a_model_without_a_head_has_none_to_keep(base: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"missing: .*(classifier|score)"):
        _student(base, tmp_path, keep_head=True).fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS)
