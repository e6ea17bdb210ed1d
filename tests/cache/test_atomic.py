"""Files that get their name when they are whole: their other name, who finds it, and what is left."""

from pathlib import Path

import pytest

from sdc.cache import atomic, scratch


def test_nothing_is_left_and_the_old_file_stays_where_writing_fails(tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    place.write_text("old")

    def write(text: str) -> None:
        with atomic.beside(place) as temporary:
            assert atomic.left(place) == []
            temporary.write_text(text)
            assert atomic.left(place) == [temporary]
            if text == "half":
                raise KeyboardInterrupt
            atomic.put(temporary, place)

    with pytest.raises(KeyboardInterrupt):
        write("half")
    assert place.read_text() == "old"
    write("new")
    assert place.read_text() == "new"
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("name", ["s.duckdb", "x" * 233, "x" * 255, "\u0c24" * 85])
def test_a_name_of_any_length_has_another_beside_it(name: str, tmp_path: Path) -> None:
    place = tmp_path / name
    with atomic.beside(place) as temporary:
        temporary.write_text("whole")
        assert atomic.is_hidden(temporary)
        assert atomic.left(place) == [temporary]
        atomic.put(temporary, place)
    assert place.read_text() == "whole"


def test_a_folder_beside_a_long_name_is_found_when_its_process_is_gone(tmp_path: Path) -> None:
    place = tmp_path / ("x" * 250)
    with scratch.beside(place, None) as made:
        assert scratch.left_beside(place) == []  # we hold it
    made.mkdir()
    assert scratch.left_beside(place) == [made]
    assert atomic.left(place) == []  # no file
