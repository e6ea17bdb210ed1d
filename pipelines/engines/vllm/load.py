"""Loading a model into vLLM: which settings it gets, and one line for all that can go wrong.

The engine runs in this process, not in one of its own as vLLM does by default: that one would outlive us after
`kill -9` and keep the GPU. Workers of a model that several GPUs share are processes; they end when ours does.

Here: settings, precision, memory, threads, errors of loading. Not here: asking (`vllm.py`).
"""

import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from sdc.errors import EngineError, extra, first_line
from sdc.pipelines.engines import adapters, hub, networks, threads
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.options import EngineOptions

#: On a CPU, weights below this are computed in float32, as the transformers engine does.
_LARGE_BYTES = 2 * 2**30
#: Memory for keys and values on a CPU: so much, or an eighth of the machine's, or half of what is free: the least.
_CPU_CACHE_BYTES = 4 * 2**30
#: Tokens per block of the prefix cache on a CPU; vLLM takes 128, which is longer than many prompts.
_CPU_BLOCK_TOKENS = 32
#: The ranks that vLLM's LoRA kernels know.
_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
#: Words in vLLM's errors that point to a setting of ours.
_SETTINGS = ("max_model_len", "quantization", "tensor_parallel", "tp/pp")
_QUIET = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",  # stdout is for keys
}
_MISSING = f"install it in an environment of its own (`./run setup-vllm`, or {extra('vllm')}), or use another --engine"


def load(model: Model, options: EngineOptions) -> Any:
    """Returns a vLLM `LLMEngine` with the model, and its adapter if it has one, loaded.

    Raises:
        EngineError: vLLM is not installed, the model is not here, or it does not fit.
    """
    folder = Path(hub.folder(model))
    hub.say_loading(model.name, folder)
    _check_files(model, folder, options)
    quiet()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM's own, about its own dependencies
        try:
            arguments = _arguments(model, folder, options)
            # Neither on stdout, which is for keys, nor on what stands in for it in a notebook and is no file.
            with _own_thread_setting(), redirect_stdout(sys.__stderr__ or sys.stdout):
                from vllm.engine.arg_utils import EngineArgs
                from vllm.usage.usage_lib import UsageContext
                from vllm.v1.engine.llm_engine import LLMEngine

                engine = LLMEngine.from_engine_args(EngineArgs(**arguments), usage_context=UsageContext.LLM_CLASS)
                if model.adapter:
                    engine.add_lora(lora_request(model))
                bad = [name for names in engine.apply_model(_not_finite) for name in names]
        except ImportError as error:
            raise EngineError(f"vllm cannot be imported ({_reason(error)})", "--engine vllm", _MISSING) from error
        except EngineError:
            raise
        except Exception as error:  # vLLM, torch and the folder raise what they like
            raise _unloadable(model, error, options) from error
    if bad:
        raise networks.not_finite(model.name, bad)
    return engine


def quiet() -> None:
    """Sets what vLLM reads as it is imported: no engine in a process of its own, nothing on stdout, no reports home."""
    os.environ.update(_QUIET)
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "CRITICAL")  # what it logs as errors, we raise
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    logging.getLogger("torch._library.triton").setLevel(logging.ERROR)  # says that a CPU has no triton


def _check_files(model: Model, folder: Path, options: EngineOptions) -> None:
    """Checks what vLLM does not: it notices a missing layer, but not one that it keeps in one piece with others."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    if not options.quantization and "quantization_config" not in config:
        networks.check_names(model, "language model")
    if model.adapter:
        adapters.check_tied(model, folder, adapters.read(model))


def _not_finite(network: Any) -> list[str]:
    """Returns the names of weights that are not finite; runs where the weights are."""
    return [name for name, weight in network.named_parameters() if not networks.is_finite(weight)]


def lora_request(model: Model) -> Any:
    """Returns what names the model's adapter in a request; None if it has none."""
    if not model.adapter:
        return None
    from vllm.lora.request import LoRARequest

    return LoRARequest(lora_name=model.name, lora_int_id=1, lora_path=str(Path(model.adapter).resolve()))


def num_threads(folder: Path) -> int | None:
    """Returns how many threads to compute with on a CPU; None leaves it to torch."""
    return 1 if not has_gpu() and _num_bytes(folder) < threads.TINY_BYTES else None


def has_gpu() -> bool:
    """Returns whether vLLM will run on a GPU."""
    import torch

    return torch.cuda.is_available()


def _arguments(model: Model, folder: Path, options: EngineOptions) -> dict[str, Any]:
    """Returns the settings of vLLM's engine."""
    arguments: dict[str, Any] = {
        "model": str(folder),
        "served_model_name": model.name,
        "dtype": _dtype(folder, options),
        "quantization": options.quantization,
        "max_model_len": options.max_model_len,
        "tensor_parallel_size": options.tensor_parallel,
        "load_format": "safetensors",
        "trust_remote_code": False,
        "enable_prefix_caching": True,
        "language_model_only": True,
        "disable_log_stats": True,
        "use_tqdm_on_load": False,
        "seed": 0,
    }
    if model.adapter:
        # One more than there are adapters: on a CPU, a batch of both kinds gives the plain requests the last adapter.
        arguments |= {"enable_lora": True, "max_loras": 2, "max_lora_rank": _max_rank(model)}
    if has_gpu():
        return arguments | {"gpu_memory_utilization": options.gpu_memory}
    # Sampling with a seed fails on a CPU where a prompt is computed in parts.
    arguments |= {"enforce_eager": True, "block_size": _CPU_BLOCK_TOKENS, "enable_chunked_prefill": False}
    if not os.environ.get("VLLM_CPU_KVCACHE_SPACE"):
        arguments["kv_cache_memory_bytes"] = _cpu_cache_bytes()
    return arguments


def _dtype(folder: Path, options: EngineOptions) -> str:
    """Returns the precision that the transformers engine would compute in."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    if options.quantization or "quantization_config" in config:
        return "auto"  # the method knows
    if has_gpu():
        import torch

        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    if _num_bytes(folder) < _LARGE_BYTES:
        return "float32"
    return str(config.get("dtype") or config.get("torch_dtype") or "auto")


def _num_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def _cpu_cache_bytes() -> int:
    import psutil  # comes with vLLM, which refuses to take more than is free

    memory = psutil.virtual_memory()
    return int(min(_CPU_CACHE_BYTES, memory.total // 8, memory.available // 2))


def _max_rank(model: Model) -> int:
    path = Path(model.adapter or "") / "adapter_config.json"
    try:
        rank = int(json.loads(path.read_text("utf-8"))["r"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise EngineError(
            f"cannot read the adapter ({_reason(error)})", str(path), "make it again with peft"
        ) from error
    fitting = [known for known in _RANKS if known >= rank]
    if not fitting:
        raise EngineError(f"vllm has no LoRA of rank {rank}", model.name, "use --engine transformers")
    return fitting[0]


@contextmanager
def _own_thread_setting() -> Iterator[None]:
    """Takes back that vLLM, on a CPU, replaces `torch.set_num_threads` for the whole process by nothing."""
    import torch

    ours = torch.set_num_threads
    try:
        yield
    finally:
        torch.set_num_threads = ours


def _unloadable(model: Model, error: Exception, options: EngineOptions) -> EngineError:
    reason = _reason(error)
    if isinstance(error, AttributeError) and "_OpNamespace" in reason:  # torch found no compiled operators of vLLM's
        return EngineError(f"vllm's compiled part does not load here ({reason})", "--engine vllm", _MISSING)
    if not isinstance(error, MemoryError) and "memory" not in f"{type(error).__name__} {error}".lower():
        if any(
            word in reason.lower() for word in ("max_model_len", "quantization", "tensor_parallel", "tensor parallel")
        ):
            return EngineError(f"cannot load the model ({reason})", model.name, "correct --engine-arg")
        return hub.unloadable(model, ValueError(reason))
    if has_gpu():
        fix = (
            f"try a shorter --engine-arg max_model_len=4096, another share than gpu_memory={options.gpu_memory}, "
            f"more GPUs than tensor_parallel={options.tensor_parallel}, or a quantization"
        )
    else:
        fix = "try --engine-arg max_model_len=2048, or set VLLM_CPU_KVCACHE_SPACE to more GiB"
    return EngineError(f"the model does not fit into memory ({reason})", model.name, fix)


def _reason(error: BaseException) -> str:
    """Returns the first line of an error that says something; pydantic's begin with a count."""
    found = re.search(r"(?:Value|Assertion) error, (.+?)(?: \[type=|$)", str(error).strip(), re.DOTALL)
    return first_line(found.group(1) if found else error, most=200)
