"""What the demo says of its own results is computed from them: also where synthetic rows do not help."""

import pytest

from sdc.pipelines.report.points import GENERATOR, Point
from sdc.pipelines.run.demo_words import sentences


def point(method: str, source: str | None, mean: float, **more: object) -> Point:
    about = {"lang": "te", "task": "intent", "method": method, "source": source, "metric": "accuracy", "n": 1}
    spread = {"low": mean - 0.02, "high": mean + 0.02, "rows": {"seeds": 30, None: None}.get(source, 312)}
    return Point(**{**about, **spread, "mean": mean, **more})  # type: ignore[arg-type]


TEACHER = point("icl", None, 0.785, role=GENERATOR)


def test_a_student_that_beats_its_generator_and_rows_that_help() -> None:
    rows = [TEACHER, point("linear", "seeds", 0.76), point("linear", "seeds+synthetic", 0.87),
            point("probe", "seeds", 0.875),
            point("probe", "seeds+synthetic", 0.895, difference_low=0.05, difference_high=0.17),
            point("icl", "synthetic", 0.99, shots=1)]  # fmt: skip
    assert sentences(rows) == [
        "The best student that saw synthetic rows, probe on 312 human and synthetic rows, gets 89.5 % right (95 %"
        " interval 87.5 to 91.5 %); its generator, asked itself, gets 78.5 %, 11.0 points less.",
        "Beside the 30 human rows alone, synthetic ones lift linear from 76.0 to 87.0 %, and probe from 87.5 to 89.5 %,"
        " which may be chance.",
    ]


def test_rows_that_do_not_help_are_said_to_be_such() -> None:
    first, second = sentences(
        [TEACHER, point("probe", "seeds", 0.85), point("probe", "seeds+synthetic", 0.79),
         point("linear", "seeds", 0.5), point("linear", "seeds+synthetic", 0.5)]
    )  # fmt: skip
    assert first.endswith("gets 78.5 %, a difference of +0.5 points that may be chance.")
    assert second == (
        "Synthetic rows do not help here. Beside the 30 human rows alone, synthetic ones leave linear at 50.0 %; they"
        " lower probe from 85.0 to 79.0 %."
    )


@pytest.mark.parametrize("mean", [0.5, 0.7])
def test_a_generator_that_is_better_is_said_to_be_so(mean: float) -> None:
    (said,) = sentences([TEACHER, point("linear", "synthetic", mean)])
    assert said.endswith(f"gets 78.5 %, {100 * (0.785 - mean):.1f} points more.")


def test_what_was_not_run_is_not_spoken_of() -> None:
    assert sentences([]) == sentences([TEACHER]) == sentences([point("linear", "seeds", 0.7)]) == []
