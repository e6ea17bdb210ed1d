"""The file of claims: what may stand in it, and what is said of what may not."""

from pathlib import Path

import pytest

from sdc.errors import DataError, UsageError
from sdc.pipelines.report.claims import claim

GOOD = 'id = "mine"\nstatistic = "difference"\nexpected = 5\n'


def _load(tmp_path: Path, text: str) -> list[claim.Claim]:
    path = tmp_path / "mine.toml"
    path.write_text(f"[[claims]]\n{text}", "utf-8")
    return claim.load(path)


def test_a_number_with_a_tolerance_is_a_range(tmp_path: Path) -> None:
    (found,) = _load(tmp_path, GOOD + 'tolerance = 2\nlang = ["te", "sw"]\ntask = "topic"\nshots = 0')
    assert (found.low, found.high, found.unit) == (3, 7, "points")
    assert (found.about.lang, found.about.task, found.about.shots, found.over) == (
        ("te", "sw"),
        ("topic",),
        (0,),
        "mean",
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD + 'languages = "te"', "unknown key 'languages'"),
        (GOOD + 'metod = "icl"', "did you mean 'method'?"),
        ('id = "x"\nstatistic = "diference"\nexpected = 1', "did you mean 'difference'?"),
        (GOOD + 'over = "maximum"', "unknown over 'maximum'"),
        (GOOD + 'by = ["groups"]', "did you mean 'group'?"),
        ('id = "x"\nstatistic = "score"', "expected is missing"),
        ('id = "x"\nstatistic = "score"\nexpected = [3, 1]', "neither a number nor [lowest, highest]"),
        ('id = "x"\nstatistic = "score"\nexpected = "5"', "'5' is no float"),
        (GOOD + 'against = { source = "human" }', "belong together"),
        ('id = "x"\nstatistic = "contrast"\nexpected = 1', "belong together"),
        ('id = "x"\nstatistic = "contrast"\nexpected = 1\nagainst = { sorce = "human" }', "did you mean 'source'?"),
        (GOOD + "[[claims]]\n" + GOOD, "two claims are called 'mine'"),
        (GOOD + "[claim]", "unknown key 'claim'"),
        ("id =", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        _load(tmp_path, text)
    assert says in str(caught.value)
    assert "mine.toml" in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read the claims"):
        claim.load(tmp_path / "none.toml")
    (tmp_path / "empty.toml").write_text("", "utf-8")
    with pytest.raises(UsageError, match="there is no claim"):
        claim.load(tmp_path / "empty.toml")
