"""How an engine is run: settings that change speed and place, never a result, and never enter a key.

Here: the settings and their checks. Not here: which engine is taken (`__init__.py`), flags (`cli/options.py`).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from sdc.errors import UsageError, one_of
from sdc.pipelines.text import commas

#: What `--engine` takes.
NAMES = ("auto", "transformers", "vllm", "openai")
#: Settings with flags of their own; the others are given by `--engine-arg`.
_FLAGS = ("engine", "server", "batch_size")


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """Settings of engines; each engine reads those that concern it.

    Args:
        engine: `auto` or an engine's name.
        batch_size: transformers: calls per forward pass; None takes what the stage proposes.
        server: openai: base URL of a server, up to and with `/v1`.
        concurrency: openai: requests in flight, at least 1.
        timeout_s: openai: the longest that one request may take, in seconds.
        retries: openai: tries per call, at least 1.
        batch_api: openai: send the calls as a batch job, where the server has them, at half the price of many vendors.
        served_as: openai: names under which the server may answer beside the model's own, separated by commas.
        tensor_parallel: vllm: GPUs that share the model, at least 1.
        gpu_memory: vllm: share of each GPU's memory, in (0, 1].
        quantization: vllm: method that the weights are loaded with; None reads it from the model.
        max_model_len: vllm: longest prompt and answer in tokens; None takes the model's.
    """

    engine: str = "auto"
    batch_size: int | None = None
    server: str | None = None
    concurrency: int = 16
    timeout_s: float = 120.0
    retries: int = 6
    batch_api: bool = False
    served_as: str = ""
    tensor_parallel: int = 1
    gpu_memory: float = 0.9
    quantization: str | None = None
    max_model_len: int | None = None

    def __post_init__(self) -> None:
        if self.engine not in NAMES:
            raise UsageError(f"unknown engine {self.engine!r}", "--engine", one_of(self.engine, NAMES))
        for name in ("concurrency", "retries", "tensor_parallel", "max_model_len"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} must be at least 1, not {value}", f"--engine-arg {name}", "correct it")
        if not 0 < self.gpu_memory <= 1:
            raise UsageError(f"gpu_memory {self.gpu_memory} is not in (0, 1]", "--engine-arg gpu_memory", "correct it")
        if not 0 < self.timeout_s < float("inf"):
            raise UsageError(f"timeout_s {self.timeout_s} is no time", "--engine-arg timeout_s", "give it in seconds")
        if self.server is not None and not _is_url(self.server):
            from sdc.pipelines.engines.openai.secrets import scrub

            raise UsageError(f"{scrub(self.server)!r} is no URL", "--server", "give it as http://host:port/v1")

    @property
    def served_names(self) -> tuple[str, ...]:
        """Names that a server may give the model beside its own."""
        return tuple(commas.parts(self.served_as))

    @classmethod
    def parse(
        cls, settings: Mapping[str, str], *, engine: str, server: str | None, batch_size: int | None
    ) -> "EngineOptions":
        """Returns the options with `settings` read from text, as `--engine-arg NAME=VALUE` gives them.

        Without a server it is that of `$SDC_SERVER`, where this is set.

        Raises:
            UsageError: There is no such setting, or the value is of another kind.
        """
        kinds = {field.name: field.default for field in fields(cls) if field.name not in _FLAGS}
        values: dict[str, int | float | bool | str] = {}
        for name, text in settings.items():
            if name not in kinds:
                raise UsageError(f"unknown setting {name!r}", "--engine-arg", one_of(name, kinds))
            try:
                values[name] = _read(text, kinds[name], is_number=name == "max_model_len")
            except ValueError as error:
                raise UsageError(f"{name} cannot be {text!r}", "--engine-arg", "see docs/models.md") from error
        server = server or os.environ.get("SDC_SERVER") or None
        return cls(engine=engine, server=server, batch_size=batch_size, **values)  # type: ignore[arg-type]


def _read(text: str, default: object, *, is_number: bool) -> int | float | bool | str:
    if isinstance(default, bool):
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    if isinstance(default, int) or is_number:
        return int(text)
    return float(text) if isinstance(default, float) else text


def _is_url(text: str) -> bool:
    """Whether a text is the URL of a server: scheme, host, and a port that there can be."""
    from urllib.parse import urlsplit  # not at start-up

    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port beyond 65535, brackets of an address that do not close
        return False
