"""Networks as `from_pretrained` makes them, held against their files: every weight is there, fits, and is a number.

transformers fills what a folder lacks with random numbers, drops what it does not know, and says so in a log. Here that
is an error for every loader. Not here: which files make a model (`model_files.py`), adapters (`adapters.py`).
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from sdc.errors import EngineError
from sdc.pipelines.engines import hub
from sdc.pipelines.engines.models import Model

#: What a loader may ask for, as transformers' class is called.
_KINDS = {
    "language model": "AutoModelForCausalLM",
    "classifier": "AutoModelForSequenceClassification",
    "encoder": "AutoModel",
}
#: So many names stand in an error; of the others their number.
_SHOWN = 3
#: How architectures end that write no text.
_SILENT = ("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "ForMaskedLM")
_UNKNOWN = (ValueError, LookupError, OSError, ImportError, RuntimeError, AttributeError, TypeError)
_OPTIONS: Mapping[str, Any] = {"use_safetensors": True, "local_files_only": True, "trust_remote_code": False}


def load(model: Model, kind: str, *, head_seed: int | None = None, **options: Any) -> Any:
    """Returns the network of a model with all its weights from the model's files.

    Args:
        model: Which one.
        kind: `language model`, `classifier` or `encoder` (no head: what the files hold of one is left).
        head_seed: Makes a new classification head from this seed, also where the files have one; None takes theirs.
        options: For `from_pretrained`.

    Raises:
        EngineError: It cannot be loaded, or a weight is missing, left over, of another shape or not finite.
    """
    import torch
    import transformers

    folder = hub.folder(model)
    hub.say_loading(model.name, Path(folder))
    _check_kind(model, Path(folder), kind)
    if head_seed is not None:
        torch.manual_seed(head_seed)
    try:
        network, found = getattr(transformers, _KINDS[kind]).from_pretrained(
            folder, output_loading_info=True, ignore_mismatched_sizes=True, **_OPTIONS, **options
        )
    except Exception as error:  # a broken folder raises what it likes
        raise hub.unloadable(model, error) from error
    if kind == "encoder":
        _check_names(model, Path(folder), found, is_head=_head_of(network))
    elif head_seed is None:
        _check_names(model, Path(folder), found)
    else:
        is_head = _head_of(network)
        _check_names(model, Path(folder), found, is_head=is_head)
        if any(is_head(name) for name in set(network.state_dict()) - found["missing_keys"]):
            torch.manual_seed(head_seed)
            _renew_head(network)
    check_finite(model.name, network.state_dict())
    return network


def check_names(model: Model, kind: str) -> None:
    """Raises an EngineError if a model's files hold other weights than its config says; no weight is read.

    For engines that load the files themselves, and look less closely. What cannot be laid out here is left to them.
    """
    import transformers

    folder = hub.folder(model)
    _check_kind(model, Path(folder), kind)
    try:
        _, found = getattr(transformers, _KINDS[kind]).from_pretrained(
            folder, output_loading_info=True, ignore_mismatched_sizes=True, device_map="meta", **_OPTIONS
        )
    except _UNKNOWN:  # an architecture that only the other engine knows, or its quantisation
        return
    _check_names(model, Path(folder), found)


def check_finite(name: str, tensors: Mapping[str, Any]) -> None:
    """Raises an EngineError that names the tensors with a number that is none.

    Args:
        name: Of the model, for the error.
        tensors: Its weights.
    """
    bad = sorted(name for name, tensor in tensors.items() if not is_finite(tensor))
    if bad:
        raise not_finite(name, bad)


def not_finite(name: str, weights: Collection[str]) -> EngineError:
    """Returns the error for weights that hold numbers that are none."""
    return EngineError(f"weights are not finite ({listed(weights)})", name, "download or export the model again")


def is_finite(tensor: Any) -> bool:
    """Returns whether all numbers of a tensor are finite; whole numbers always are."""
    import torch

    if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point() or tensor.is_meta:
        return True
    # A sum is quicker than a mask of all of them; one that overflows is looked at closely.
    return bool(tensor.sum(dtype=torch.float32).isfinite()) or bool(tensor.float().isfinite().all())


def num_bytes(network: Any) -> int:
    """Returns what the weights of a network take."""
    return sum(weight.numel() * weight.element_size() for weight in network.parameters())


def listed(names: Collection[str]) -> str:
    """Returns the first few names, and how many there are beside them.

    >>> listed(["a", "b"]), listed(["a", "b", "c", "d", "e"])
    ('a, b', 'a, b, c and 2 more')
    """
    shown = sorted(names)
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more


def faults(missing: Collection[str], unknown: Collection[str], shapes: Collection[str]) -> str:
    """Returns what is wrong with the names of weights, in words; empty if nothing is."""
    kinds = (("missing:", missing), ("not part of it:", unknown), ("of another shape:", shapes))
    return "; ".join(f"{what} {listed(names)}" for what, names in kinds if names)


def _check_kind(model: Model, folder: Path, kind: str) -> None:
    """Refuses as a language model what is none: it would be filled up, or read a text from both ends."""
    about = json.loads((folder / "config.json").read_text("utf-8")) if (folder / "config.json").is_file() else {}
    if kind != "language model":
        if model.adapter or not model.think:
            raise EngineError(f"the {kind} takes no adapter and does not reason", model.name, "name the model alone")
        return
    names = [str(name) for name in about.get("architectures") or ()]
    what = next((name for name in names if name.endswith(_SILENT)), None)
    if about.get("is_encoder_decoder"):
        what = f"{(names or [str(about.get('model_type'))])[0]}, an encoder-decoder"
    if what and not about.get("is_decoder"):
        fix = "name a decoder that writes, such as a chat model; `sdc train --method finetune` takes others"
        raise EngineError(f"the model is a {what}: it cannot answer in words", model.name, fix)


def _check_names(
    model: Model,
    folder: Path,
    found: Mapping[str, Any],
    *,
    is_head: Callable[[str], bool] | None = None,
) -> None:
    shapes = {f"{name} is {_shape(there)}, not {_shape(wanted)}" for name, there, wanted in found["mismatched_keys"]
              if is_head is None or not is_head(name)}  # fmt: skip
    missing = {name for name in found["missing_keys"] if is_head is None or not is_head(name)}
    unknown = {name for name in found["unexpected_keys"] if is_head is None or not is_head(name)}
    unknown -= set(_zero_biases(folder, unknown))
    said = faults(missing, unknown, shapes)
    if said:
        what = f"the files do not hold the weights that its config.json says ({said})"
        raise EngineError(what, model.name, "download or export the model again")


def _shape(size: Collection[int]) -> str:
    return "x".join(map(str, size)) or "a number"


def _zero_biases(folder: Path, names: Collection[str]) -> Iterator[str]:
    """Yields those of the names that are biases of nothing but zeros: some quantisers write them for layers without."""
    from safetensors import safe_open

    wanted = {name for name in names if name.endswith(".bias")}
    for file in sorted(folder.glob("*.safetensors")) if wanted else ():
        with safe_open(file, framework="pt") as weights:
            for name in wanted & set(weights.keys()):
                if not bool(weights.get_tensor(name).any()):
                    yield name


# -- heads ----------------------------------------------------------------------------------------------------------


def _head_of(network: Any) -> Callable[[str], bool]:
    """Returns what says of a weight's name whether it belongs to a head: of this network, or of what it was before."""
    prefix = f"{network.base_model_prefix}."
    body = {name for name, _ in network.base_model.named_children()} - {"pooler"}  # a pooler comes and goes with heads

    def is_head(name: str) -> bool:
        return name.removeprefix(prefix).partition(".")[0] not in body

    return is_head


def _renew_head(network: Any) -> None:
    """Initialises the head as `from_pretrained` does where the files have none."""
    network._is_hf_initialized = False  # some initialise their last layer from the whole, with a spread of its own
    for name, child in network.named_children():
        if name != network.base_model_prefix:
            for module in child.modules():
                module._is_hf_initialized = False
                for weight in module.parameters(recurse=False):
                    weight._is_hf_initialized = False
    network.initialize_weights()
