"""The lora student on the pocket student: settings, rows, answers, adapters that peft reads."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from scripted import answers, small_task

from sdc.cache.store import Store
from sdc.errors import EngineError, UsageError
from sdc.pipelines import presets, prompts, students, tasks
from sdc.pipelines.engines import models
from sdc.pipelines.engines.local.transformers import TransformersEngine
from sdc.pipelines.engines.protocol import Call
from sdc.pipelines.stage import Context
from sdc.pipelines.students.finetune import FinetuneConfig
from sdc.pipelines.students.lora import LoraConfig, LoraStudent
from sdc.pipelines.students.lora.instruct import ANSWER_TOKENS
from sdc.pipelines.students.lora.tuned import FittedAdapter
from sdc.pipelines.students.protocol import FitFailed, FitJob, FitsMany, Seeds

TOPIC = tasks.load("topic")
SEEDS = Seeds(init=1, order=2)
QUICK = {"steps": 30, "learning_rate": 5e-3, "early_stopping": False}


pytestmark = pytest.mark.usefixtures("one_thread")


def _examples(split: str, count: int) -> tuple[list[str], list[int]]:
    """Returns the first Swahili demo examples of the task topic."""
    lines = (models.POCKET / "examples" / f"topic-sw-{split}.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines][:count]
    labels = [TOPIC.label_id(row["label"]) for row in rows]
    return [row["text"][:60] for row in rows], [label for label in labels if label is not None]


TEXTS, LABELS = _examples("train", 16)
TEST, _ = _examples("test", 12)


def _student(folder: Path, *, model: str = models.STUDENT, task: tasks.Task = TOPIC, **settings: Any) -> LoraStudent:
    config = LoraConfig(model=model, **{**QUICK, **settings})
    return LoraStudent(config, models.resolve(Store(folder / "store.duckdb"), model), task)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> FittedAdapter:
    student = _student(tmp_path_factory.mktemp("fitted"))
    return student.fit(TEXTS, LABELS, num_labels=7, seeds=SEEDS)


@pytest.fixture(scope="module")
def saved(fitted: FittedAdapter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapter")
    fitted.save(folder)
    return folder


# -- what is learnt -----------------------------------------------------------------------------------------------


def test_the_loss_falls_and_the_examples_are_learnt(fitted: FittedAdapter, tmp_path: Path) -> None:
    details = fitted.details
    assert details["loss"] < 0.5 * details["first_loss"]
    assert (details["rows"], details["dev_rows"], details["steps"], details["batch_size"]) == (16, 0, 30, 4)
    learnt = fitted.scores(TEXTS)
    right = sum(row.index(max(row)) == label for row, label in zip(learnt, LABELS, strict=True))
    untuned = answers(_untuned(tmp_path), [_call(text) for text in TEXTS])
    before = sum(reply.scores.index(max(reply.scores)) == label for reply, label in zip(untuned, LABELS, strict=True))
    assert right > before
    assert right >= 14


def _untuned(folder: Path) -> TransformersEngine:
    return TransformersEngine(models.resolve(Store(folder / "store.duckdb"), models.STUDENT))


def _call(text: str, **settings: Any) -> Call:
    return Call(prompt=prompts.classify(TOPIC, text=text), **{"choices": TOPIC.label_names, **settings})


def test_only_the_label_and_the_end_of_the_turn_are_learnt(tmp_path: Path) -> None:
    """And B16: the prompt is in the chat template with exactly one BOS."""
    engine, instructions = _student(tmp_path)._loaded()
    row = instructions.row("Habari za leo", 2)
    tokenizer = engine.tokenizer
    assert row.ids.count(tokenizer.bos_token_id) == 1
    assert list(row.ids[: row.num_prompt]) == engine.prompt_ids(prompts.classify(TOPIC, text="Habari za leo"))
    assert tokenizer.decode(row.ids[row.num_prompt :]) == "politics" + tokenizer.eos_token
    assert row.ids[-1] == tokenizer.eos_token_id


def test_adapters_of_one_base_do_not_see_each_others_prompts(tmp_path: Path) -> None:
    """The engine keeps what prompts share, which is another thing under another adapter."""
    student = _student(tmp_path, steps=4)
    jobs = [FitJob(texts=TEXTS, labels=labels, seeds=SEEDS) for labels in (LABELS, [*LABELS[8:], *LABELS[:8]])]
    one, other = (done.result for done in student.fit_many(jobs, num_labels=7))
    assert isinstance(one, FittedAdapter)
    assert isinstance(other, FittedAdapter)
    for adapter in (one, other):
        alone = [adapter.scores([text])[0] for text in TEST]  # a single prompt shares nothing
        together = adapter.scores(TEST)
        assert all(a == pytest.approx(b, abs=1e-3) for a, b in zip(together, alone, strict=True))


def test_a_text_that_is_too_long_is_cut_in_training_and_in_tests(tmp_path: Path) -> None:
    text = "maji ya mto " * 200
    student = _student(tmp_path, max_length=128, steps=2)
    _, instructions = student._loaded()
    row = instructions.row(text, 0)
    assert 120 - ANSWER_TOKENS < row.num_prompt <= 128 - ANSWER_TOKENS
    prompt = instructions.prompt(text)
    assert prompt.startswith(TOPIC.instruction.partition("{")[0])
    assert prompt.endswith("Label:")
    assert instructions.num_cut == 1
    fitted = student.fit([*TEXTS, text], [*LABELS, 0], num_labels=7, seeds=SEEDS)
    assert len(fitted.scores([text])[0]) == 7


def test_a_length_that_the_base_cannot_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"999999 tokens are more than the \d+ that .* can take"):
        _student(tmp_path, max_length=999_999).prepare(TEXTS)


def test_an_instruction_without_room_for_a_text_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"instruction of task topic does not fit into 40 tokens.*--max-length"):
        _student(tmp_path, max_length=40).prepare(TEXTS)


def test_several_jobs_are_yielded_as_they_end_and_a_failed_one_is_no_error(tmp_path: Path) -> None:
    student = _student(tmp_path, steps=4)
    assert isinstance(student, FitsMany)
    assert not isinstance(FinetuneConfig().build(Context(store=Store(tmp_path / "s")), TOPIC), FitsMany)
    jobs = [FitJob(texts=TEXTS, labels=labels, seeds=SEEDS) for labels in (LABELS, [3] * 16, LABELS)]
    steps: list[tuple[int, int]] = []
    found = {
        done.job: done.result
        for done in student.fit_many(jobs, num_labels=7, progress=lambda *done: steps.append(done))
    }
    assert isinstance(found[1], FitFailed)
    assert found[1].reason == "the draw holds fewer than two labels"
    assert isinstance(found[0], FittedAdapter)
    assert isinstance(found[2], FittedAdapter)
    assert found[0].scores(TEST) == found[2].scores(TEST)
    assert steps[-1] == (8, 8)
    with pytest.raises(FitFailed, match="fewer than two labels"):
        student.fit(TEXTS, [1] * 16, num_labels=7, seeds=SEEDS)


def test_using_a_finished_adapter_does_not_disturb_the_others(tmp_path: Path) -> None:
    labels = [0, 1] * 8 + [1, 0] * 2  # noise, so that some runs stop early and others go on
    texts = [text[:20] for text in (*TEXTS, *TEXTS[:4])]
    jobs = [FitJob(texts=texts, labels=labels, seeds=Seeds(init=n, order=n)) for n in range(4)]
    settings: dict[str, Any] = {
        "steps": 16,
        "eval_steps": 2,
        "patience": 1,
        "early_stopping": True,
        "learning_rate": 2e-2,
        "pack": 3,
    }

    def trained(use: bool) -> tuple[list[int], dict[int, list[list[float]]]]:
        fitted: dict[int, Any] = {}
        for done in _student(tmp_path, **settings).fit_many(jobs, num_labels=7):
            fitted[done.job] = done.result
            if use:
                fitted[done.job].scores(TEST)
        steps = [fitted[job].details["steps"] for job in range(4)]
        return steps, {job: result.scores(TEST) for job, result in fitted.items()}

    steps, scores = trained(use=True)
    assert len(set(steps)) > 1
    assert (steps, scores) == trained(use=False)


# -- answers ------------------------------------------------------------------------------------------------------


def test_scores_and_replies_are_those_of_the_engine_with_the_saved_adapter(
    fitted: FittedAdapter, saved: Path, tmp_path: Path
) -> None:
    engine = TransformersEngine(models.resolve(Store(tmp_path / "store.duckdb"), f"{models.STUDENT}+{saved}"))
    expected = [list(reply.scores) for reply in answers(engine, [_call(text) for text in TEST])]
    for ours, theirs in zip(fitted.scores(TEST), expected, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-3)
    assert fitted.answers(TEST) == [{"scores": row} for row in fitted.scores(TEST)]

    generating = FittedAdapter(
        fitted._engine, fitted._instructions, LoraConfig(decoding="generate"),
        labels=TOPIC.label_names, base=fitted._base, values_P=fitted._values_P, details={},
    )  # fmt: skip
    said = answers(engine, [_call(text, choices=()) for text in TEST])
    assert generating.answers(TEST) == [{"reply": reply.text} for reply in said]
    assert any(reply.text in TOPIC.label_names for reply in said)


def test_a_score_that_is_not_finite_is_a_failed_run(fitted: FittedAdapter) -> None:
    sick = FittedAdapter(
        fitted._engine, fitted._instructions, LoraConfig(), labels=TOPIC.label_names, base=fitted._base,
        values_P=torch.full_like(fitted._values_P, torch.nan), details={"steps": 3},
    )  # fmt: skip
    with pytest.raises(FitFailed, match="a score is not finite") as caught:
        sick.scores(TEST)
    assert caught.value.details == {"steps": 3}


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")  # peft asks for it
def test_the_saved_adapter_is_a_standard_one(fitted: FittedAdapter, saved: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    assert sorted(path.name for path in saved.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    config = json.loads((saved / "adapter_config.json").read_text("utf-8"))
    assert (config["peft_type"], config["task_type"], config["r"], config["lora_alpha"]) == (
        "LORA",
        "CAUSAL_LM",
        16,
        16,
    )
    assert sorted(config["target_modules"]) == ["down_proj", "k_proj", "v_proj"]
    assert config["lora_dropout"] == 0.05
    assert config["base_model_name_or_path"] == models.STUDENT  # no path of this machine
    base = AutoModelForCausalLM.from_pretrained(models.POCKET / "student", dtype=torch.float32)
    tuned: Any = PeftModel.from_pretrained(base, saved).eval()
    assert {name for name in tuned.state_dict() if "lora" in name} == {
        f"base_model.model.{layer.name}.lora_{part}.default.weight"
        for layer in fitted._engine.adapters.layers
        for part in "AB"
    }
    ids = torch.tensor([fitted._engine.prompt_ids(prompts.classify(TOPIC, text=TEST[0]))])
    from sdc.pipelines.students.lora.layers import Stack

    adapters = fitted._engine.adapters
    with torch.no_grad():
        theirs = tuned(input_ids=ids).logits
        plain = fitted._engine.network(input_ids=ids).logits
        with adapters.using(Stack(adapters, fitted._values_P[None])):
            ours = fitted._engine.network(input_ids=ids).logits
    assert (ours - theirs).abs().max() < 1e-3 < (ours - plain).abs().max()


def test_an_adapter_can_be_trained_on_top_of_another(saved: Path, tmp_path: Path) -> None:
    plain = _student(tmp_path, steps=2)
    above = _student(tmp_path, model=f"{models.STUDENT}+{saved}", steps=2)
    assert above.identity() != plain.identity()
    scores = above.fit(TEXTS, LABELS, num_labels=7, seeds=SEEDS).scores(TEST)
    assert scores != plain.fit(TEXTS, LABELS, num_labels=7, seeds=SEEDS).scores(TEST)


# -- families -----------------------------------------------------------------------------------------------------

_SMALL = {
    "vocab_size": 320, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 256, "bos_token_id": 0, "eos_token_id": 1,
    "pad_token_id": None,
}  # fmt: skip


def _saved(folder: Path, network: Any) -> str:
    """Saves a tiny network beside the tokenizer of the pocket student, cut to its vocabulary."""
    from tokenizers import Tokenizer, pre_tokenizers
    from tokenizers import models as parts
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(parts.BPE(vocab={token: i for i, token in enumerate(["<s>", "</s>", *alphabet])}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer_class: Any = PreTrainedTokenizerFast
    tokenizer_class(tokenizer_object=raw, bos_token="<s>", eos_token="</s>").save_pretrained(folder)
    network.save_pretrained(folder)
    return str(folder)


def _network(family: str) -> Any:
    import transformers

    t: Any = transformers
    torch.manual_seed(0)
    if family == "qwen2":
        config = {name: value for name, value in _SMALL.items() if name != "head_dim"}
        return t.Qwen2ForCausalLM(t.Qwen2Config(**config))
    if family == "mistral":
        return t.MistralForCausalLM(t.MistralConfig(**_SMALL, sliding_window=200))
    if family == "gemma2":
        return t.Gemma2ForCausalLM(t.Gemma2Config(**_SMALL, sliding_window=200))
    text = t.Gemma3TextConfig(**_SMALL, sliding_window=200)
    if family == "gemma3_text":
        return t.Gemma3ForCausalLM(text)
    vision = t.SiglipVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=1, image_size=8, patch_size=4
    )
    return t.Gemma3ForConditionalGeneration(t.Gemma3Config(text_config=text, vision_config=vision))


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
@pytest.mark.parametrize("family", ["qwen2", "mistral", "gemma2", "gemma3_text", "gemma3"])
def test_other_families_are_tuned_and_their_adapters_load_with_peft(family: str, tmp_path: Path) -> None:
    """Gemma 3 brings a vision tower whose layers have the same names: it gets no adapters."""
    task = small_task(2)
    folder = _saved(tmp_path / family, _network(family))
    student = _student(tmp_path, model=folder, task=task, steps=15, learning_rate=2e-2, checkpointing=True)
    fitted = student.fit(["aaa bbb", "bbb aaa", "ccc ddd", "ddd ccc"], [0, 0, 1, 1], num_labels=2, seeds=SEEDS)
    assert fitted.details["loss"] < fitted.details["first_loss"]
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    fitted.save(adapter)
    assert all("vision" not in layer.name for layer in fitted._engine.adapters.layers)
    assert len(fitted._engine.adapters.layers) == 6
    engine = TransformersEngine(models.resolve(Store(tmp_path / "store.duckdb"), f"{folder}+{adapter}"))
    call = Call(prompt=prompts.classify(task, text="aaa ddd"), choices=task.label_names)
    (reply,) = answers(engine, [call])
    assert fitted.scores(["aaa ddd"])[0] == pytest.approx(list(reply.scores), abs=1e-3)


def test_a_model_without_such_layers_is_refused_in_one_line(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    network = GPT2LMHeadModel(GPT2Config(vocab_size=320, n_embd=16, n_layer=1, n_head=1, n_positions=256))
    folder = _saved(tmp_path / "gpt2", network)
    with pytest.raises(EngineError, match="the model has no layers k_proj, v_proj, down_proj to put LoRA on"):
        _student(tmp_path, model=folder, task=small_task(2)).prepare(["a"])


# -- settings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"rank": 0}, {"alpha": 0}, {"dropout": 1.0}, {"targets": ()}, {"steps": 0}, {"learning_rate": 0.0},
        {"learning_rate": float("nan")}, {"warmup_steps": -1}, {"weight_decay": 2.0}, {"batch_size": 0},
        {"optimizer": "sgd"}, {"max_length": 8}, {"dev_fraction": 0.9}, {"eval_steps": 0}, {"patience": 0},
        {"decoding": "sample"}, {"quantize": "2bit"}, {"pack": 0},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(wrong))} is "):
        LoraConfig(**wrong)


@pytest.mark.parametrize(
    ("settings", "flag"), [({"quantize": "4bit"}, "--quantize"), ({"optimizer": "paged_adamw_8bit"}, "--optimizer")]
)
def test_few_bits_without_bitsandbytes_are_refused_in_one_line(
    settings: dict[str, Any], flag: str, tmp_path: Path
) -> None:
    from importlib.util import find_spec

    if find_spec("bitsandbytes") is not None and torch.cuda.is_available():
        pytest.skip("bitsandbytes and a GPU are there")
    with pytest.raises(EngineError, match=f"{flag} needs (bitsandbytes, which is not installed|a GPU)"):
        _student(tmp_path, **settings).prepare(TEXTS)


def test_the_identity_holds_what_decides_a_result_and_nothing_else(tmp_path: Path) -> None:
    plain = _student(tmp_path).identity()
    assert plain == _student(tmp_path, pack=3, checkpointing=True).identity()
    assert plain["prompt"] == prompts.digest("classify")
    for other in (
        _student(tmp_path, rank=8),
        _student(tmp_path, targets=("q_proj",)),
        _student(tmp_path, decoding="generate"),
        _student(tmp_path, quantize="4bit"),
        _student(tmp_path, task=small_task(7)),
    ):
        assert other.identity() != plain


def test_presets_are_those_of_the_paper_and_of_its_script(tmp_path: Path) -> None:
    def configured(preset: str, **flags: Any) -> Any:
        model = {} if preset == "sdc" else {"model": models.STUDENT}
        return students.configured(
            Context(store=Store(tmp_path / "s")), "lora", preset=preset, flags={**model, **flags}
        )

    for preset in presets.names():
        config = configured(preset)
        assert (config.rank, config.alpha, config.dropout) == (16, 16, 0.05)
        assert config.targets == ("k_proj", "v_proj", "down_proj")
        assert (config.steps, config.batch_size, config.warmup_steps) == (600, 4, 10)
    for preset in ("paper", "code"):
        assert presets.load(preset, "train", "lora")["model"] == "llama-3.1-8b"
        assert (configured(preset).learning_rate, configured(preset).decoding) == (3e-5, "generate")
    assert [configured(name).early_stopping for name in ("paper", "code", "sdc")] == [True, False, True]
    assert [configured(name).optimizer for name in ("paper", "code", "sdc")] == ["adamw", "paged_adamw_8bit", "adamw"]
    assert configured("sdc").model == models.STUDENT
    assert configured("sdc").decoding == "scores"
    assert configured("paper", steps=30, pack=2).steps == 30
    assert isinstance(configured("paper").build(Context(store=Store(tmp_path / "s")), TOPIC), LoraStudent)
