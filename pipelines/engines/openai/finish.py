"""Why a server's answer ended, in the words of many makes.

Here: the words. Not here: what an ending means for a call (`chat.py`).
"""

#: The answer is whole; the first word is what the others become. Servers write them in any case.
_WORDS = {
    "stop": ("stop", "eos", "eos_token", "end_turn", "stop_sequence", "stop_token", "complete", "completed", "finish"),
    "length": ("length", "max_tokens", "max_output_tokens", "max_completion_tokens", "model_length"),
    "refused": (
        *("content_filter", "content_filtered", "content-filter", "safety", "refusal", "recitation", "blocklist"),
        *("prohibited_content", "spii", "sensitive", "guardrail_intervened", "model_armor", "language"),
    ),
    # Half an answer, or none; another try may bring one.
    "broken": (
        *("error", "abort", "aborted", "cancel", "cancelled", "canceled", "timeout", "network_error", "other"),
        *("tool_calls", "tool_use", "function_call", "malformed_function_call", "unexpected_tool_call"),
        *("insufficient_system_resource", "overloaded", "preempted"),
    ),
}
_MEANINGS = {word: meaning for meaning, words in _WORDS.items() for word in words}


def meaning(word: str | None) -> str:
    """Returns `stop`, `length`, `refused` or `broken`. A word that nobody knows ends a whole answer: it is paid.

    >>> [meaning(word) for word in ("STOP", "", None, "MAX_TOKENS", "SAFETY", "abort", "FinishReason.STOP", "fertig")]
    ['stop', 'stop', 'stop', 'length', 'refused', 'broken', 'stop', 'stop']
    """
    return _MEANINGS.get((word or "").strip().casefold().rpartition(".")[2], "stop")
