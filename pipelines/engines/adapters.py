"""Putting a LoRA adapter into the weights of its base, so that the result is what the adapter computes beside them.

Merged and unmerged outputs are compared each time: an adapter on weights that two layers share (embeddings and output
layer) would change both when it is merged, so the layers get weights of their own first. Not here: networks
(`networks.py`), finding adapters (`models.py`, `trained.py`), training (`students/lora/pack.py`).

Shape letters: B probes, T tokens of each, V vocabulary.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sdc.errors import EngineError, first_line
from sdc.pipelines.engines import hub, networks
from sdc.pipelines.engines.models import Model

WEIGHTS = "adapter_model.safetensors"
#: What may differ by rounding, in nats: the mean over tokens, weighted with their probability, at the worst position.
_ROUNDING = {"float32": 0.01, "half": 0.25}
_PROBES, _PROBE_TOKENS = 4, 16
#: Parts of the names of layers that a model may tie.
_TIED = ("embed", "lm_head", "embed_out", "wte")


def merged(model: Model, network: Any) -> Any:
    """Returns the network with the model's adapter in its weights.

    Raises:
        EngineError: The adapter cannot be read, is of another model, or gives other outputs when it is merged.
    """
    from peft import PeftModel

    tensors = read(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft warns of what is checked here, and asks transformers by an old name
        try:
            wrapped: Any = PeftModel.from_pretrained(network, str(model.adapter), is_trainable=False)
        except Exception as error:  # peft and the files raise what they like
            raise _unusable(model, first_line(error)) from error
        _check(model, wrapped, tensors)
        wrapped.eval()
        try:  # a setting of the adapter may be found wrong only when it is used
            before_BTV = _outputs(wrapped)
            _untie(wrapped)
            done = wrapped.merge_and_unload()
        except Exception as error:
            raise _unusable(model, first_line(error)) from error
    difference = _difference(before_BTV, _outputs(done))
    kind = "float32" if str(next(done.parameters()).dtype) == "torch.float32" else "half"
    if not difference <= _ROUNDING[kind]:
        what = f"the adapter gives other outputs when it is merged (by {difference:.2g} nats)"
        raise EngineError(what, model.name, "merge it with the tool that trained it, and name the merged folder")
    return done


def read(model: Model) -> dict[str, Any]:
    """Returns the tensors of the model's adapter, by name.

    Raises:
        EngineError: They cannot be read, are not finite, or lack a half.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(str(model.adapter)) / WEIGHTS
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise _unusable(model, first_line(error)) from error
    networks.check_finite(model.name, tensors)
    for half, other in (("lora_A", "lora_B"), ("lora_B", "lora_A")):
        alone = {name for name in tensors if half in name and name.replace(half, other) not in tensors}
        if alone:
            raise _unusable(model, f"{networks.listed(alone)} without {other}")
    return tensors


def check_tied(model: Model, folder: Path, tensors: Mapping[str, Any]) -> None:
    """Raises an EngineError if the adapter has weights for layers that its base ties: for engines that cannot untie.

    Args:
        model: The model with the adapter.
        folder: Of its base.
        tensors: Of the adapter.
    """
    tied = {name for name in tensors if any(part in name for part in _TIED)}
    if not tied:
        return
    import transformers

    try:
        config: Any = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # a broken folder raises what it likes
        raise hub.unloadable(model, error) from error
    if getattr(config.get_text_config(), "tie_word_embeddings", False):
        what = f"the adapter changes weights that two layers of its base share ({networks.listed(tied)})"
        raise EngineError(what, model.name, "use --engine transformers, which gives each layer its own")


def _check(model: Model, wrapped: Any, tensors: Mapping[str, Any]) -> None:
    from peft import get_peft_model_state_dict

    expected = get_peft_model_state_dict(wrapped, save_embedding_layers=False)
    possible = get_peft_model_state_dict(wrapped, save_embedding_layers=True)
    missing, unknown = set(expected) - set(tensors), set(tensors) - set(expected) - set(possible)
    shapes = {name for name in set(expected) & set(tensors) if expected[name].shape != tensors[name].shape}
    faults = networks.faults(missing, unknown, shapes)
    if faults:
        raise _unusable(model, f"it is none of this model: {faults}")


def _untie(wrapped: Any) -> None:
    """Gives the output layer weights of its own where the adapter changes what it shares with the embeddings."""
    import torch
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils import ModulesToSaveWrapper

    network = wrapped.get_base_model()
    embeddings, head = network.get_input_embeddings(), network.get_output_embeddings()
    if not any(isinstance(layer, BaseTunerLayer | ModulesToSaveWrapper) for layer in (embeddings, head)):
        return
    shared = {id(weight) for weight in embeddings.parameters()}
    for module in head.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            if id(weight) in shared:
                own = torch.nn.Parameter(weight.detach().clone(), requires_grad=False)
                setattr(module, name, own)
    for config in (network.config, network.config.get_text_config()):
        config.tie_word_embeddings = False


def _outputs(network: Any) -> Any:
    """Returns logp_BTV of a few rows of tokens from all over the vocabulary."""
    import torch

    size = int(network.config.get_text_config().vocab_size)
    ids_BT = (torch.arange(_PROBES * _PROBE_TOKENS) * 7919 % size).reshape(_PROBES, _PROBE_TOKENS)
    device = next(network.parameters()).device
    with torch.inference_mode():
        logits_BTV = network(input_ids=ids_BT.to(device), use_cache=False).logits
        return logits_BTV.float().log_softmax(-1)


def _difference(before_BTV: Any, after_BTV: Any) -> float:
    difference_BT = (before_BTV.exp() * (before_BTV - after_BTV).abs()).sum(-1)
    return float(difference_BT.max())


def _unusable(model: Model, reason: str) -> EngineError:
    return EngineError(f"cannot use the adapter ({reason})", model.name, "name its base, or make it again with peft")
