"""What the local engines share: room for an answer, tokens of a choice, tokens to text."""

from pathlib import Path
from typing import Any

import pytest

from sdc.errors import EngineError
from sdc.pipelines.engines import answers
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.prompt_tokens import load_tokenizer
from sdc.pipelines.engines.protocol import Call


@pytest.fixture(scope="module")
def tokenizer(chat_model: Path) -> Any:
    return load_tokenizer(Model(name="tiny", source=str(chat_model), digest="d"))


@pytest.mark.parametrize(
    ("num_prompt", "limit", "expected"),
    [(9, 2048, 100), (1948, 2048, 100), (1949, 2048, 96), (2016, 2048, 32), (2017, 2048, 31), (2047, 2048, 1),
     (2048, 2048, 1), (5000, 2048, 1), (5000, None, 100)],
)  # fmt: skip
def test_room_is_what_is_left_in_whole_blocks(num_prompt: int, limit: int | None, expected: int) -> None:
    assert answers.room(Call(prompt="", max_tokens=100), num_prompt=num_prompt, limit=limit) == expected


def test_a_choice_ends_the_turn(tokenizer: Any) -> None:
    ids = answers.choice_ids(tokenizer, "travel")
    assert ids[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(ids[:-1]) == "travel"
    assert tokenizer.bos_token_id not in ids


@pytest.mark.parametrize(("eos", "expected"), [(7, {1, 7}), ([7, 8], {1, 7, 8}), (None, {1}), ([], {1}), (1, {1})])
def test_an_answer_ends_by_the_models_tokens_and_the_tokenizers(tokenizer: Any, eos: Any, expected: set[int]) -> None:
    assert answers.end_ids(tokenizer, eos) == expected


@pytest.mark.parametrize("eos", [".", [1, "."], [None], [[1]]])
def test_ends_that_are_no_tokens_are_one_line(tokenizer: Any, eos: Any) -> None:
    with pytest.raises(EngineError, match="no number of a token"):
        answers.end_ids(tokenizer, eos)


def test_reading_tokens(tokenizer: Any) -> None:
    ids = tokenizer("travel politics", add_special_tokens=False)["input_ids"]

    def read(ids: list[int], *, stop: tuple[str, ...] = (), room: int = 99) -> tuple[str, str, int | None]:
        return answers.read(tokenizer, ids, ends={1}, stop=stop, room=room)

    assert read([*ids, 1, 0, 0]) == ("travel politics", "stop", len(ids))
    assert read(ids, room=len(ids)) == ("travel politics", "length", None)
    assert read(ids, room=len(ids), stop=("pol",)) == ("travel ", "stop", None)
    assert read(ids, stop=("itics", " pol")) == ("travel", "stop", None)
    assert read([1]) == ("", "stop", 0)
