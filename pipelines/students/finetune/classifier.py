"""A transformer with a classification head: loading, dropout, padding, log-probabilities.

Here: what differs between model families. Not here: training (`loop.py`), settings (`finetune.py`).

Shape letters: B rows of a batch, T tokens of the padded batch, N texts, L labels.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from torch.nn import functional

from sdc.errors import UsageError
from sdc.pipelines import tasks
from sdc.pipelines.engines import answers, hub, networks, tokenizers
from sdc.pipelines.engines.models import Model
from sdc.pipelines.students import schedule
from sdc.pipelines.students.protocol import Answers
from sdc.pipelines.students.reproducible import reproducible

#: What the families call the dropout before the classification head.
_HEAD_DROPOUT = (
    "classifier_dropout",  # BERT, RoBERTa, XLM-R, ELECTRA, ModernBERT, T5 ...
    "classifier_dropout_prob",  # ALBERT
    "seq_classif_dropout",  # DistilBERT
    "cls_dropout",  # DeBERTa
    "summary_last_dropout",  # XLM, XLNet
)
#: A broken folder raises what it likes; tokenizers even a bare Exception.
_LOAD_ERRORS = (Exception,)
_OPTIONS: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
#: Tokens per forward pass when nothing is trained, padding included.
_SCORING_TOKENS = 8192


class Classifier:
    """A network with the device it is on and its padding.

    Args:
        network: A sequence-classification model, already on `device`.
        pad_id: Token id that fills a batch.
        device: `cpu` or `cuda`.
        precision: `bf16` (matrix products; sums, weights and optimiser stay in float32) or `fp32`.
    """

    def __init__(self, network: Any, *, pad_id: int, device: str, precision: str) -> None:
        self.network, self.device, self.precision = network, device, precision
        self.num_known = int(network.get_input_embeddings().weight.shape[0])
        self.pad_id = pad_id if pad_id < self.num_known else 0
        self.label = str(network.config.name_or_path)

    def tensor(self, values: Any) -> torch.Tensor:
        """Returns numbers as a tensor on the device; a GPU fetches them while the program goes on."""
        return torch.tensor(values, pin_memory=self.device == "cuda").to(self.device, non_blocking=True)

    def logits(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        """Returns logits_BL in float32 for rows of token ids, padded on the right."""
        answers.require_known(list(map(max, rows)), num_known=self.num_known, label=self.label)
        longest = max(map(len, rows))
        ids_BT = self.tensor([[*row, *[self.pad_id] * (longest - len(row))] for row in rows])
        mask_BT = self.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.precision == "bf16"):
            logits_BL: torch.Tensor = self.network(input_ids=ids_BT, attention_mask=mask_BT).logits
        return logits_BL.float()

    def log_probabilities(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        """Returns logp_NL, float32 on the CPU, without dropout; batches are cut by length, so they do not vary."""
        self.network.eval()
        cut = schedule.by_tokens([len(row) for row in rows], most=_SCORING_TOKENS)
        with torch.inference_mode():
            parts = [self.logits([rows[i] for i in batch]).log_softmax(-1).cpu() for batch in cut]
        order = [i for batch in cut for i in batch]
        sorted_NL = torch.cat(parts)
        logp_NL = torch.empty_like(sorted_NL)
        logp_NL[torch.tensor(order)] = sorted_NL
        return logp_NL


def check_head(model: Model, num_labels: int, labels: Sequence[str]) -> None:
    """Raises a UsageError if the head that a model brings has other labels than these, or in another order.

    Names that transformers makes up (`LABEL_0`), as in kept weights, say nothing: then their number must do.
    """
    folder = hub.folder(model)
    try:
        found = transformers.AutoConfig.from_pretrained(folder, **_OPTIONS).id2label
    except _LOAD_ERRORS as error:
        raise hub.unloadable(model, error) from error
    names = [str(found[i]) for i in sorted(found)]
    if len(names) != num_labels:
        what = f"the head of {model.name} has {len(names)} labels, and the task {num_labels}"
        raise UsageError(what, "--keep-head", "drop it for a new head")
    if labels and names != [f"LABEL_{i}" for i in range(num_labels)]:
        for i, (name, label) in enumerate(zip(names, labels, strict=True)):
            if tasks.normalise(name) != tasks.normalise(label):
                what = f"label {i} is {name[:80]!r} in the head of {model.name}, and {label!r} in the task"
                raise UsageError(what, "--keep-head", "drop it for a new head")


def shift_head(folder: Path, bias_L: Sequence[float]) -> bool:
    """Adds a bias to that of the head of the classifier in a folder; returns whether it has one to add to.

    Args:
        folder: What `save_pretrained` wrote; its weights are replaced.
        bias_L: One number per label.
    """
    network: Any = transformers.AutoModelForSequenceClassification.from_pretrained(folder, **_OPTIONS)
    heads = [m for m in network.modules() if isinstance(m, torch.nn.Linear) and m.out_features == len(bias_L)]
    if not heads or heads[-1].bias is None:
        return False
    with torch.no_grad():
        heads[-1].bias.add_(torch.tensor(bias_L, dtype=heads[-1].bias.dtype))
    network.save_pretrained(folder)
    return True


def precision_of(device: str, wanted: str = "auto") -> str:
    """Returns `bf16` where it is asked for, or is fast: on GPUs, and on CPUs that multiply in it; else `fp32`."""
    if wanted != "auto":
        return wanted
    fast = device == "cuda" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if fast else "fp32"


def attention_of(device: str, precision: str) -> str | None:
    """Returns how transformers should compute attention; None is its own choice."""
    # On a CPU, torch's fused attention is up to five times slower in bf16 than the plain products are.
    return "eager" if (device, precision) == ("cpu", "bf16") else None


def load(
    model: Model,
    tokenizer: Any,
    num_labels: int,
    *,
    dropout: float,
    seed: int,
    precision: str = "auto",
    keep_head: bool = False,
) -> Classifier:
    """Returns the pre-trained network with a new head, or its own, its weights in float32.

    Args:
        model: What to load; weights are safetensors, and code from the hub is never run.
        tokenizer: Of the model; it says how to pad.
        num_labels: Width of the head.
        dropout: On the input of the head, in [0, 1).
        seed: Decides every weight that the model does not bring: the head.
        precision: `auto`, `bf16` or `fp32`.
        keep_head: Start from the head that the model brings.

    Raises:
        EngineError: The model is not on this machine, has no form for classification, or no head to keep.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    precision = precision_of(device, precision)
    pad_id = tokenizers.pad_id(tokenizer)
    folder = hub.folder(model)
    try:
        config = transformers.AutoConfig.from_pretrained(folder, num_labels=num_labels, **_OPTIONS)
        config.get_text_config().pad_token_id = pad_id  # decoders look for the last token that is not this one
        own = [name for name in _HEAD_DROPOUT if hasattr(config, name)]
        for name in own:
            setattr(config, name, dropout)
    except _LOAD_ERRORS as error:
        raise hub.unloadable(model, error) from error
    network = networks.load(
        model, "classifier", head_seed=None if keep_head else seed, config=config, dtype=torch.float32,
        attn_implementation=attention_of(device, precision),
    )  # fmt: skip
    if not own:
        _drop_before(_head(network.modules(), num_labels), dropout)
    return Classifier(network.to(device), pad_id=pad_id, device=device, precision=precision)


def from_folder(folder: Path, *, name: str, max_length: int, precision: str = "auto") -> Answers:
    """Returns the answers of a fine-tuned transformer.

    Args:
        folder: Config, weights and tokenizer.
        name: For errors.
        max_length: Tokens that a text is cut to; the model's own limit applies too.
        precision: Of matrix products, as in training: `auto`, `bf16` or `fp32`.

    Raises:
        EngineError: The folder cannot be loaded.
    """
    model = Model(name=name, source=str(folder), digest="-")
    tokenizer = tokenizers.load(model)
    limit = tokenizers.length_limit(model, tokenizer, max_length)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    precision = precision_of(device, precision)
    attention = attention_of(device, precision)
    network = networks.load(model, "classifier", dtype=torch.float32, attn_implementation=attention).to(device).eval()
    pad_id = int(network.config.get_text_config().pad_token_id or 0)
    fitted = Classifier(network, pad_id=pad_id, device=device, precision=precision)

    def answers(texts: Sequence[str]) -> list[dict[str, Any]]:
        if not texts:
            return []
        with reproducible(name):
            logp_NL = fitted.log_probabilities(tokenizers.encode(tokenizer, texts, limit))
        return [{"scores": scores} for scores in logp_NL.tolist()]

    return answers


def name_labels(folder: Path, names: Sequence[str]) -> None:
    """Writes names of labels, in the order of their ids, into the config of a saved classifier."""
    path = folder / "config.json"
    config = json.loads(path.read_text("utf-8")) | {
        "id2label": {str(i): name for i, name in enumerate(names)},
        "label2id": {name: i for i, name in enumerate(names)},
        "problem_type": "single_label_classification",
    }
    path.write_text(json.dumps(config, ensure_ascii=False, indent=2) + "\n", "utf-8")


def cutting_tokenizer(model: Model, max_length: int) -> Any:
    """Returns the tokenizer of a model that cuts texts where the student does, and can pad."""
    tokenizer = tokenizers.load(model)
    tokenizer.model_max_length = tokenizers.length_limit(model, tokenizer, max_length)
    if tokenizer.pad_token is None:  # a pipeline with batches needs one; the network knows its id already
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _head(modules: Iterable[torch.nn.Module], num_labels: int) -> torch.nn.Module:
    return [m for m in modules if isinstance(m, torch.nn.Linear) and m.out_features == num_labels][-1]


def _drop_before(head: torch.nn.Module, dropout: float) -> None:
    def drop(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return (functional.dropout(inputs[0], dropout, module.training), *inputs[1:])

    head.register_forward_pre_hook(drop)
