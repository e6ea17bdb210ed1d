import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdc.cache.key import (
    artifact_key,
    canonical_json,
    check_prefix,
    derive_seed,
    digest,
    file_digest,
    identity,
    recipe_key,
)
from sdc.errors import UsageError

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT
_JSON = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3))


@given(st.dictionaries(_TEXT.map(lambda text: unicodedata.normalize("NFC", text)), _JSON, max_size=5))
def test_the_order_of_a_mapping_does_not_matter(config: dict[str, Any]) -> None:
    assert digest(config) == digest(dict(reversed(config.items())))


@given(_TEXT)
def test_composed_and_decomposed_text_are_two_inputs(text: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert (digest(composed) == digest(decomposed)) is (composed == decomposed)
    assert (derive_seed(1, composed) == derive_seed(1, decomposed)) is (composed == decomposed)
    assert (digest({composed: 1}) == digest({decomposed: 1})) is (composed == decomposed)


def test_keys_of_composed_text_are_what_they_were() -> None:
    # From before text entered keys as it is.
    assert digest(["caf\u00e9", 1.0]) == "d544e1cbc4839f3c7a5b4e37770216e763097ef461958480fe5dbdbef7c654e5"
    assert derive_seed(1337, "gen", "caf\u00e9", 0) == 1444533129


@given(_JSON)
def test_a_value_survives_the_store(value: Any) -> None:
    import json

    assert digest(json.loads(json.dumps(value))) == digest(value)


def test_tuples_are_lists_and_whole_floats_are_integers() -> None:
    assert canonical_json({"b": (1.0, 2), "a": "e\u0301"}) == '{"a":"e\u0301","b":[1,2]}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"x", object()])
def test_what_json_lacks_has_no_key(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"x": value})


def test_every_part_of_a_recipe_changes_the_key() -> None:
    keys = {
        artifact_key("gen", 1, {"a": 1}, ["x", "y"]),
        artifact_key("judge", 1, {"a": 1}, ["x", "y"]),
        artifact_key("gen", 2, {"a": 1}, ["x", "y"]),
        artifact_key("gen", 1, {"a": 2}, ["x", "y"]),
        artifact_key("gen", 1, {"a": 1}, ["y", "x"]),
        artifact_key("gen", 1, {"a": 1}, ["xy"]),
        recipe_key("gen", 1, {"a": 1}, ["x", "y"], lang="te", task=None),
        recipe_key("gen", 1, {"a": 1}, ["x", "y"], lang=None, task="te"),
    }
    assert len(keys) == 8


@dataclass(frozen=True, kw_only=True)
class _Old:
    size: int
    rate: float = 0.5
    names: list[str] = field(default_factory=list)
    batch_size: int = field(default=8, metadata={"key": False})


@dataclass(frozen=True, kw_only=True)
class _New(_Old):
    added: bool = False


def test_defaults_and_neutral_fields_stay_out_of_the_key() -> None:
    assert identity(_Old(size=1, batch_size=64)) == {"size": 1}
    assert identity(_Old(size=1, rate=0.25, names=["a"])) == {"size": 1, "rate": 0.25, "names": ["a"]}


def test_a_new_field_at_its_default_keeps_the_key() -> None:
    assert digest(identity(_New(size=3))) == digest(identity(_Old(size=3)))
    assert digest(identity(_New(size=3, added=True))) != digest(identity(_Old(size=3)))


def test_seeds_of_different_purposes_are_independent() -> None:
    seeds = [derive_seed(root, part, i) for root in range(10) for part in ("data", "init", "shot") for i in range(30)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert derive_seed(1337, "data", 0) == derive_seed(1337, "data", 0)
    assert derive_seed(1, "a", 23) != derive_seed(1, "a2", 3)


def test_a_file_digest_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert file_digest(tmp_path / "x").startswith("ba7816bf")


@pytest.mark.parametrize("text", ["", "abc", "xyz1", "12345 6", "a" * 65, "../etc", "g" * 12, "é" * 5])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        check_prefix(text)


def test_a_prefix_is_lower_case_and_trimmed() -> None:
    assert check_prefix(" ABCD12\n") == "abcd12"
