"""The engines: how a model is run. `open_asker` is the one way in."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sdc.cache.counted import counted
from sdc.cache.store import Store
from sdc.errors import EngineError, UsageError
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.options import EngineOptions

if TYPE_CHECKING:
    from sdc.pipelines.engines.ask import Asker
    from sdc.pipelines.engines.budget import Budget
    from sdc.pipelines.engines.protocol import Engine

#: Calls that engines with a scheduler of their own are handed at once; a batch job of a server takes all there are.
_MANY_CALLS, _ALL_CALLS = 2048, 10**9


@contextmanager
def open_asker(
    store: Store,
    model: Model,
    *,
    options: EngineOptions,
    budget: "Budget",
    say: Callable[[str], None] = lambda line: None,
    batch_size: int = 32,
) -> Iterator["Asker"]:
    """Opens the reply cache and returns an Asker that loads the engine on the first call that is not cached.

    Args:
        store: Has the cache.
        model: Who answers.
        options: How it is run.
        budget: How much may be asked.
        say: Takes one line for the user.
        batch_size: Calls per batch of the transformers engine where the user gave none.

    Raises:
        UsageError: The engine and the model do not fit each other.
        EngineError: The engine's libraries are not installed.
    """
    from sdc.pipelines.engines.ask import Asker

    name = choose(options, model)
    if options.batch_api and budget.is_careful:
        fix = "drop --engine-arg batch_api, or limit the calls with --max-calls"
        raise UsageError("what a batch job takes is known at its end only", "--max-tokens, --max-cost", fix)
    many = _ALL_CALLS if options.batch_api else _MANY_CALLS
    size = (options.batch_size or batch_size) if name == "transformers" else many
    with store.replies() as cache:
        try:
            yield Asker(
                model, cache, lambda: load(name, model, options), batch_size=size, budget=budget,
                is_server=name == "openai", served_as=options.served_names, say=say,
            )  # fmt: skip
        finally:
            if cache.unreadable:
                first, count = next(iter(cache.unreadable.values())), len(cache.unreadable)
                where = store.replies_folder
                say(f"{counted(count, 'reply', 'replies')} in {where} could not be read ({first}): as if not there")


def choose(options: EngineOptions, model: Model) -> str:
    """Returns the name of the engine that `auto` means, or of the one asked for.

    A server, where one is named; vllm, where it is installed and there is a GPU; else transformers.

    Raises:
        UsageError: A model behind a server without a server, or a server for another engine.
    """
    if options.engine == "openai" or (options.engine == "auto" and (options.server or model.served)):
        if options.server is None:
            raise UsageError(f"no server to ask {model.name}", "--server", "give its URL, or set SDC_SERVER")
        return "openai"
    if model.served:
        raise UsageError(f"{model.name} is behind a server", "--engine", "use --engine openai, or name another model")
    if options.engine != "auto":
        return options.engine
    return "vllm" if _has_vllm() and _has_gpu() else "transformers"


def load(name: str, model: Model, options: EngineOptions) -> "Engine":
    """Returns the engine of that name with the model loaded.

    Raises:
        EngineError: Its libraries are not installed, or the model cannot be loaded.
    """
    if name == "vllm":
        from sdc.pipelines.engines import vllm

        return vllm.VllmEngine(model, options=options)
    if name == "openai":
        from sdc.pipelines.engines import openai

        return openai.OpenaiEngine(model, options=options)
    from sdc.pipelines.engines.local import transformers

    if not transformers.available():
        raise EngineError("torch and transformers are not installed", fix="install sdc with its dependencies")
    return transformers.TransformersEngine(model)


def _has_vllm() -> bool:
    from importlib.util import find_spec

    return find_spec("vllm") is not None


def _has_gpu() -> bool:
    """Returns whether an NVIDIA or AMD GPU is visible, without importing torch (1.7 s)."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") == ""
    return not hidden and any(map(os.path.exists, ("/dev/nvidia0", "/dev/nvidiactl", "/dev/kfd")))
