"""Languages by tag, the paper's groups, and cells made of both."""

import pytest

from sdc.cache.store import Store
from sdc.errors import UsageError
from sdc.pipelines import cells
from sdc.pipelines.tasks import languages


@pytest.mark.parametrize(
    ("tag", "canonical", "name", "script", "group"),
    [
        ("te", "te", "Telugu", "Telu", "low"),
        ("TEL", "te", "Telugu", "Telu", "low"),
        ("sw", "sw", "Swahili", "Latn", "medium"),
        ("he", "he", "Hebrew", "Hebr", "medium"),
        ("en-GB", "en-GB", "English (United Kingdom)", "Latn", "high"),
        ("ja", "ja", "Japanese", "Jpan", "other"),
        ("sr-Latn", "sr-Latn", "Serbian (Latin)", "Latn", "other"),
    ],
)
def test_names_and_scripts_come_from_the_library(tag: str, canonical: str, name: str, script: str, group: str) -> None:
    found = languages.load(tag)
    assert (found.tag, found.name, found.script, found.group) == (canonical, name, script, group)


@pytest.mark.parametrize("tag", ["", "xx", "qqq", "und", "te-", "telugu language", "日本", "e" * 300, "en\0", "x-foo"])
def test_an_unknown_language_is_a_usage_error(tag: str) -> None:
    with pytest.raises(UsageError, match="unknown language"):
        languages.load(tag)


def test_the_paper_has_eleven_languages() -> None:
    assert len(languages.paper_tags()) == len(set(languages.paper_tags())) == 11


def test_cells_are_expanded_from_lists_commas_and_all(store: Store) -> None:
    def names(langs: list[str], tasks: list[str]) -> list[str]:
        return [str(cell) for cell in cells.expand(store, langs, tasks)]

    assert names(["te,sw", "en"], ["topic"]) == ["te/topic", "sw/topic", "en/topic"]
    assert names(["te", "te"], ["topic,intent"]) == ["te/topic", "te/intent"]
    assert len(names(["all"], ["topic"])) == 11
    assert names(["all"], ["sarcasm"]) == ["en/sarcasm"]
    assert names(["te"], ["sarcasm"]) == ["te/sarcasm"]  # asked for by name
    for langs, tasks in (([], ["topic"]), (["te"], []), ([" , "], ["topic"])):
        with pytest.raises(UsageError, match="say what to work on"):
            names(langs, tasks)
