"""Saved reviews: what is read, and what is refused with one line."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reviews import ACCEPT, REJECT, raw, save, six
from scripted import world

from sdc.errors import DataError, SdcError, UsageError
from sdc.pipelines.judge.review import form
from sdc.pipelines.judge.review.sheet import Sheet

SAID: dict[int, Any] = {0: ACCEPT, 3: REJECT, 1: {**ACCEPT, "label": "first", "text": "నిజం"}, 2: {"comment": "?"}}


@pytest.fixture(scope="module")
def of(tmp_path_factory: pytest.TempPathFactory) -> Sheet:
    return six(world(tmp_path_factory.mktemp("form")))[2]


def test_a_saved_review_is_read_as_it_was_saved(of: Sheet, tmp_path: Path) -> None:
    found = form.read(save(tmp_path / "a.json", of, SAID))
    assert (found.reviewer, found.generation) == ("Ana", of.generation.key)
    assert [vote.idx for vote in found.votes] == [0, 1, 2, 3]
    first, second, third, last = found.votes
    assert [vote.as_it_is for vote in found.votes] == [True, False, False, False]
    assert (second.label, second.text) == ("first", "నిజం")
    assert (third.decision, third.comment) == (None, "?")
    assert last.reason == "unnatural"
    assert first.decided_at == datetime(2030, 1, 2, 3, 4, 5, 678000)


def test_times_and_the_order_of_rows_are_no_content(of: Sheet, tmp_path: Path) -> None:
    first = form.read(save(tmp_path / "a.json", of, SAID))
    backwards = dict(reversed(SAID.items()))
    again = form.read(save(tmp_path / "b.json", of, backwards, saved_at="2031-01-01T00:00:00Z"))
    other = form.read(save(tmp_path / "c.json", of, {**SAID, 0: REJECT}))
    assert first.content() == again.content() != other.content()


def test_another_name_can_be_given(of: Sheet, tmp_path: Path) -> None:
    path = save(tmp_path / "a.json", of, SAID, reviewer=" నా \n ర్\u200cమ ")
    assert form.read(path).reviewer == "నా ర్\u200cమ"
    assert {vote.reviewer for vote in form.read(path, reviewer="Ben").votes} == {"Ben"}


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\x1bb", "a\u202eb", "a\udcffb"])
def test_a_review_without_a_proper_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--reviewer NAME"):
        form.check_name(name)


Change = Callable[[dict[str, Any]], object]


def _row(**changed: Any) -> Change:
    return lambda value: value["rows"][0].update(changed)


BAD: list[tuple[str, Change, str]] = [
    ("another format", lambda v: v.update(format="other"), "no saved review"),
    ("another version", lambda v: v.update(version=99), "another version"),
    ("no rows", lambda v: v.update(rows={}), "list of rows"),
    ("rows of numbers", lambda v: v.update(rows=[1]), "list of rows"),
    ("no generation", lambda v: v.update(generation="../x"), "names no artifact"),
    ("no judgement", lambda v: v.update(judgement=7), "names no artifact"),
    ("no labels", lambda v: v.update(labels=[1]), "list of labels"),
    ("no sheet", lambda v: v.pop("sheet"), "no sheet"),
    ("a name that is a list", lambda v: v.update(reviewer=[]), "no reviewer"),
    ("an idx of text", _row(idx="0"), "no row number"),
    ("an idx that is true", _row(idx=True), "no row number"),
    ("a negative idx", _row(idx=-1), "no row number"),
    ("a huge idx", _row(idx=2**31), "no row number"),
    ("no digest", _row(sha256=None), "no digest"),
    ("an unknown decision", _row(decision="maybe"), "unknown decision 'maybe'"),
    ("a decision that is a list", _row(decision=[]), "unknown decision"),
    ("a reason to accept", _row(reason="unnatural"), "does not go with"),
    ("an unknown reason", _row(decision="reject", reason="ugly"), "does not go with"),
    ("no reason to reject", _row(decision="reject"), "does not go with"),
    ("an unknown label", _row(label="no such label"), "unknown label 'no such label'"),
    ("a label id", _row(label=1), "no text of at most"),
    ("an empty text", _row(text=" \n"), "is empty"),
    ("a surrogate", _row(text="\ud800"), "characters that no text has"),
    ("a NUL", _row(comment="\0"), "characters that no text has"),
    ("a huge comment", _row(comment="x" * 100_001), "its comment is no text of at most 100,000"),
    ("a rejected correction", _row(decision="reject", reason="other", text="x"), "only an accepted text"),
    ("nothing said", _row(decision=None), "it says nothing"),
    ("not known whether blind", _row(blind=None), "was hidden"),
    ("no time", _row(decided_at="yesterday"), "no time"),
    ("before time", _row(decided_at="0001-01-01T00:00:00+14:00"), "no time"),
    ("one text twice", lambda v: v["rows"].append(v["rows"][0]), "text 0 stands in the review twice"),
    ("nothing decided", lambda v: v.update(rows=[]), "nothing is decided"),
]


@pytest.mark.parametrize(("change", "message"), [pytest.param(c, m, id=name) for name, c, m in BAD])
def test_what_no_page_saves_is_refused(of: Sheet, tmp_path: Path, change: Change, message: str) -> None:
    value = raw(of, SAID)
    change(value)
    if isinstance(value.get("rows"), list) and all(isinstance(row, dict) for row in value["rows"]):
        value["check"] = form.check_sum(value)
    (tmp_path / "a.json").write_text(json.dumps(value), "utf-8")
    with pytest.raises(SdcError, match=message) as caught:
        form.read(tmp_path / "a.json")
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        _row(decision="reject", reason="other"),
        _row(idx=5),
        _row(comment="I never said that"),
        _row(blind=False),
        lambda value: value["rows"].pop(),
        lambda value: value.update(reviewer="Ben"),
        lambda value: value.update(generation="0" * 64),
        lambda value: value["labels"].reverse(),
        lambda value: value.pop("check"),
    ],
)
def test_a_review_that_was_edited_by_hand_is_refused(of: Sheet, tmp_path: Path, change: Change) -> None:
    value = raw(of, SAID)
    change(value)
    (tmp_path / "a.json").write_text(json.dumps(value), "utf-8")
    with pytest.raises(DataError, match="was changed after it was saved"):
        form.read(tmp_path / "a.json")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_file_that_was_cut_off_is_refused(of: Sheet, tmp_path: Path, share: float) -> None:
    data = save(tmp_path / "a.json", of, SAID).read_bytes()
    (tmp_path / "a.json").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match="cut off"):
        form.read(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe{}", "cut off, or is no JSON"),
        (b"[" * 100_000, "cut off, or is no JSON"),
        (b'{"format": ' + b"9" * 5000 + b"}", "cut off, or is no JSON"),
        (b"[]", "no saved review"),
        (b"NaN", "no saved review"),
        (b"{}", "no saved review"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError, match=message):
        form.read(tmp_path / "a.json")


def test_paths_that_are_no_file_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.json", Path("a\0b")):
        with pytest.raises(DataError):
            form.read(path)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(form.MAX_BYTES + 1)
    with pytest.raises(DataError, match="too large for a review"):
        form.read(tmp_path / "a.json")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)


@given(field=st.sampled_from(["sheet", "generation", "judgement", "labels", "reviewer", "rows"]), value=_json)
def test_any_value_in_any_field_is_an_error_or_a_review(
    of: Sheet, tmp_path_factory: Any, field: str, value: Any
) -> None:
    path = tmp_path_factory.mktemp("any") / "a.json"
    path.write_text(json.dumps({**raw(of, SAID), field: value}), "utf-8")
    try:
        assert form.read(path).votes
    except SdcError as error:
        assert "\n" not in str(error)


@given(field=st.sampled_from(form._FIELDS), value=_json)
def test_any_value_in_any_row_is_an_error_or_a_review(of: Sheet, tmp_path_factory: Any, field: str, value: Any) -> None:
    said = raw(of, SAID)
    said["rows"][0][field] = value
    said["check"] = form.check_sum(said)
    path = tmp_path_factory.mktemp("any") / "a.json"
    path.write_text(json.dumps(said), "utf-8")
    try:
        assert form.read(path).votes
    except SdcError as error:
        assert "\n" not in str(error)
