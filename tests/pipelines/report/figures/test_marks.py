"""Looks: labels that are moved apart, text that is wrapped, fonts that travel with the package."""

from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sdc.pipelines.report.figures import marks


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=8))
def test_labels_keep_their_order_and_never_overlap(wanted: list[float]) -> None:
    found = marks.spread(wanted, gap=3, low=-60, high=60)
    order = sorted(range(len(wanted)), key=lambda place: (wanted[place], place))
    places = [found[place] for place in order]
    assert all(after - before >= 3 - 1e-4 for before, after in pairwise(places))
    assert min(found) >= -60 - 1e-4 and max(found) <= 60 + 1e-4


def test_labels_with_room_stay_where_they_are() -> None:
    assert marks.spread([0, 10, 20], gap=3, low=-5, high=25) == [0.0, 10.0, 20.0]


def test_students_of_one_method_look_different() -> None:
    looks = [marks.of("icl", "synthetic", nth=nth) for nth in range(3)]
    assert len({look.colour for look in looks}) == len({look.shape for look in looks}) == 3
    assert not marks.of("icl", "human").filled and marks.of("icl", "synthetic").filled


def test_fonts_are_small_and_have_their_licence_beside_them() -> None:
    folder = Path(marks.__file__).with_name("fonts")
    fonts = sorted(folder.glob("*.ttf"))
    assert [font.name for font in fonts] == ["NotoSans-Bold.ttf", "NotoSans-Regular.ttf"]
    assert sum(font.stat().st_size for font in fonts) < 150_000
    assert "SIL Open Font License" in (folder / "OFL.txt").read_text("utf-8")


def test_an_interval_is_not_torn_from_its_number() -> None:
    lines = marks.wrapped("fine-tuning: 62 rows [39, not reached]", width_px=26 * 5.6)
    assert lines == ["fine-tuning:", "62 rows [39, not reached]"]


def test_a_line_of_words_ends_between_parts_and_no_word_is_torn() -> None:
    parts = ["fine-tuning human: 22 rows [15, 28]", "fine-tuning synthetic: 9 rows [8, 29]", "linear: not reached"]
    lines = marks.wrapped("; ".join(parts), width_px=45 * 5.6, whole=parts)
    assert lines == [f"{parts[0]};", f"{parts[1]};", parts[2]]
    assert marks.wrapped("; ".join(parts), width_px=24 * 5.6, whole=parts)[0] == "fine-tuning human:"
