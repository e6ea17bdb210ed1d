"""What is said of a model that vLLM cannot load, for errors that no test provokes in vLLM itself."""

import re

import pytest
import torch
from pocket_calls import pocket

from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.engines.vllm import load


def _no_operator() -> Exception:
    """Returns what torch raises where vLLM's compiled part was not loaded."""
    with pytest.raises(AttributeError) as raised:
        torch.ops._C_of_vllm.init_cpu_memory_env  # noqa: B018
    return raised.value


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (_no_operator(), "--engine vllm: vllm's compiled part does not load here .*init_cpu_memory_env.*install it"),
        (MemoryError("no room"), "the model does not fit into memory .*max_model_len"),
        (ValueError("Free memory on device is less than desired"), "the model does not fit into memory"),
        (ValueError("max_model_len is too large"), "cannot load the model .*correct --engine-arg"),
    ],
)
def test_an_error_of_vllm_is_one_line_that_says_what_it_is(error: Exception, said: str) -> None:
    line = str(load._unloadable(pocket("teacher"), error, EngineOptions()))
    assert "\n" not in line
    assert re.search(said, line), line
