"""What several votes come to, and how far people agree."""

from datetime import datetime
from typing import Any

import pytest

from sdc.pipelines.judge.review.agreement import MachineVerdict, measure
from sdc.pipelines.judge.review.form import Vote
from sdc.pipelines.judge.review.votes import rule
from sdc.pipelines.metrics import krippendorff


def vote(who: str, said: str, *, idx: int = 0, blind: bool = True, **change: Any) -> Vote:
    """`said` is y (accept), n (reject), L:label (relabel), T:text (correct), or a question mark (only a comment)."""
    kind, _, value = said.partition(":")
    return Vote(
        reviewer=who,
        idx=idx,
        sha256="0" * 64,
        decision={"n": "reject", "?": None}.get(kind, "accept"),
        reason="unnatural" if kind == "n" else None,
        label=value if kind == "L" else change.get("label"),
        text=value if kind == "T" else None,
        comment="?" if kind == "?" else None,
        blind=blind,
        decided_at=datetime(2030, 1, 1),
    )


@pytest.mark.parametrize(
    ("said", "accepted", "label", "text", "reason"),
    [
        ("y", True, None, None, None),
        ("n", False, None, None, "unnatural"),
        ("L:x", True, "x", None, "relabelled as x"),
        ("T:new", True, None, "new", "edited"),
        ("y y", True, None, None, None),
        ("y n", False, None, None, "the reviewers disagree: 1 of 2 accept it"),
        ("y y n", True, None, None, None),
        ("y n n", False, None, None, "the reviewers disagree: 1 of 3 accept it"),
        ("L:x L:x", True, "x", None, "relabelled as x"),
        ("L:x y", False, None, None, "the reviewers disagree on the label"),
        ("L:x L:x y", True, "x", None, "relabelled as x"),
        ("L:x L:z y", False, None, None, "the reviewers disagree on the label"),
        ("y T:new", True, None, None, None),  # a tie: the original
        ("T:new T:newer", True, None, "new", "edited"),  # a tie: the first name
        ("T:new T:newer T:newer", True, None, "newer", "edited"),
        ("n n", False, None, None, "unnatural"),
    ],
)
def test_the_rule(said: str, accepted: bool, label: str | None, text: str | None, reason: str | None) -> None:
    votes = [vote(who, what) for who, what in zip(("ana", "ben", "cy"), said.split(), strict=False)]
    for order in (votes, votes[::-1]):
        ruling = rule(order)
        assert (ruling.accepted, ruling.label, ruling.text, ruling.reason) == (accepted, label, text, reason)
        assert ruling.judged_by == "human:" + "+".join(sorted(one.reviewer for one in votes))


def test_both_changes_are_named() -> None:
    assert rule([vote("ana", "T:new", label="x")]).reason == "edited and relabelled as x"


# -- agreement ----------------------------------------------------------------------------------------------------


def _votes(**said: str) -> list[Vote]:
    return [vote(who, what, idx=idx) for who, all_said in said.items() for idx, what in enumerate(all_said.split())]


def test_kappa_of_two_people_can_be_checked_by_hand() -> None:
    # Both accept 2, both reject 1, ben alone accepts 1. Observed 3/4; by chance 2/4 * 3/4 + 2/4 * 1/4 = 1/2.
    found = measure(_votes(ana="y y n n", ben="y y n y"), {})
    assert found == {"reviewers": [{"between": ["ana", "ben"], "rows": 4, "agree": 0.75, "kappa": 0.5}], "judge": []}


def test_only_texts_that_both_decided_are_compared() -> None:
    (pair,) = measure(_votes(ana="y ? n n", ben="? y n y"), {})["reviewers"]
    assert (pair["rows"], pair["agree"]) == (2, 0.5)
    (pair,) = measure([vote("ana", "y", idx=0), vote("ben", "y", idx=1)], {})["reviewers"]
    assert (pair["rows"], pair["agree"], pair["kappa"]) == (0, None, None)


def test_a_changed_text_was_not_right_as_it_was() -> None:
    (pair,) = measure(_votes(ana="L:x T:new n y", ben="n n n y"), {})["reviewers"]
    assert (pair["agree"], pair["kappa"]) == (1.0, 1.0)


def test_kappa_is_not_defined_where_all_say_the_same() -> None:
    (pair,) = measure(_votes(ana="y y y", ben="y y y"), {})["reviewers"]
    assert (pair["agree"], pair["kappa"]) == (1.0, None)


def test_three_people_have_three_kappas_and_an_alpha() -> None:
    found = measure(_votes(ana="y y n n", ben="y n n y", cy="y y n ?"), {})
    assert [pair["between"] for pair in found["reviewers"]] == [["ana", "ben"], ["ana", "cy"], ["ben", "cy"]]
    # 11 values, 6 yes and 5 no. Ordered pairs that differ: 4/2 in the second text, 2/1 in the last; by chance 60.
    assert found["alpha"] == round(1 - 10 * (2 + 2) / 60, 4)


@pytest.mark.parametrize(("units", "expected"), [([], None), ([["y"], ["n"]], None), ([["y", "y"]] * 3, None)])
def test_alpha_is_not_defined_without_possible_disagreement(units: list[list[str]], expected: float | None) -> None:
    assert krippendorff.alpha(units) is expected


def test_alpha_of_full_agreement_is_one_and_of_none_is_below_zero() -> None:
    assert krippendorff.alpha([["y", "y", "y"], ["n", "n"]]) == 1
    worst = krippendorff.alpha([["y", "n"], ["n", "y"]])
    assert worst is not None and worst < 0


def test_people_are_held_against_the_gates_the_llm_and_both() -> None:
    verdicts = {
        0: MachineVerdict(accepted=True, judged_by="llm"),
        1: MachineVerdict(accepted=False, judged_by="llm"),
        2: MachineVerdict(accepted=False, judged_by="gate:script"),
        3: MachineVerdict(accepted=False, judged_by="gate:copy"),
        4: MachineVerdict(accepted=True, judged_by="human:ben"),
        5: MachineVerdict(accepted=True, judged_by="nobody"),
        6: MachineVerdict(accepted=False, judged_by="none"),
    }
    by = {pair["judge"]: pair for pair in measure(_votes(ana="n n n y y y y"), verdicts)["judge"]}
    assert {name: (p["rows"], p["agree"], p["judge_accepts"], p["judge_rejects"]) for name, p in by.items()} == {
        "gates": (4, 0.25, 2, 1),
        "llm": (2, 0.5, 1, 0),
        "both": (4, 0.5, 1, 1),
    }
    assert by["both"]["kappa"] == pytest.approx(-1 / 3, abs=1e-4)  # observed 2/4; by chance 1/16 + 9/16


def test_votes_that_saw_the_verdict_are_not_counted_against_the_judge() -> None:
    verdicts = {idx: MachineVerdict(accepted=True, judged_by="llm") for idx in range(2)}
    (pair,) = measure([vote("ana", "y"), vote("ana", "n", idx=1, blind=False)], verdicts)["judge"]
    assert (pair["judge"], pair["rows"], pair["agree"]) == ("llm", 1, 1.0)
