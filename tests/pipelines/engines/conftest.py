"""A tiny Llama with random weights and a byte-level tokenizer, as a folder; vLLM's own server."""

import os
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pocket_calls import pocket, save_adapter

ROOT = Path(__file__).parents[3]
# huggingface_hub reads it once, when it is imported: a fixture would be too late.
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """All tests of engines compute so."""


_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}[{{ message['role'] }}]{{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


@pytest.fixture(scope="session")
def chat_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoder of 96 positions whose tokenizer has a chat template and a BOS, and no padding token."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("chat")
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(["science and technology", "travel politics sports", "user assistant yes no"], trainer)
    raw.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    tokenizer_class: Any = PreTrainedTokenizerFast  # untyped
    tokenizer = tokenizer_class(tokenizer_object=raw, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = _TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=64, max_position_embeddings=96, bos_token_id=0, eos_token_id=1, pad_token_id=None,
        initializer_range=0.2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def teacher_adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The adapter that the server has, under the name `tuned`."""
    return save_adapter(pocket("teacher"), tmp_path_factory.mktemp("served") / "tuned")


@pytest.fixture(scope="session")
def vllm_server(teacher_adapter: Path) -> Iterator[str]:
    """The URL of vLLM's own server with the pocket teacher; to start one takes a third of a minute."""
    server = runpy.run_path(str(ROOT / "benchmarks" / "engines.py"))["server"]
    flags = ["--enable-lora", "--max-loras", "2", "--max-lora-rank", "8", "--lora-modules", f"tuned={teacher_adapter}"]
    with server("pocket-teacher", *flags) as url:
        yield url
