"""Languages by tag, the paper's groups, and cells made of both."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sdc.cache.store import Artifact, Store
from sdc.errors import DataError, StoreError, UsageError
from sdc.pipelines import cells
from sdc.pipelines.tasks import from_mapping, languages, load


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


def test_tags_that_are_not_looked_up_are_those_that_looking_up_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    import langcodes

    for tag in languages.paper_tags():
        found = langcodes.Language.get(tag)
        assert (str(found), found.is_valid(), langcodes.standardize_tag(tag, macro=True)) == (tag, True, tag)
        assert languages.load(tag).script == found.maximize().script
        assert [languages.matches(tag, other) for other in languages.paper_tags()].count(True) == 1
    for tag in ("te", "ja", "sr-Latn", "en-GB", "swh"):
        assert languages.kept(tag) == languages.load(tag)
    assert replace(languages.load("te"), script="Latn").script == "Latn"
    for tag in ("../x", "", "TE", "x" * 99):
        with pytest.raises(UsageError, match="unknown language"):
            languages.kept(tag) if tag != "TE" else languages.load("TE\0")


def test_a_language_that_the_store_has_is_not_looked_up(
    store: Store, make: Callable[..., Artifact], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(make("data", "fr-CA"), {})
    monkeypatch.setattr(languages, "load", lambda tag: pytest.fail(tag))
    (cell,) = cells.expand(store, ["fr-CA"], ["topic"])
    assert (cell.lang, cell.language.group, cell.language.script) == ("fr-CA", "other", "Latn")
    assert cells.of_artifact(store, store.everything()[0]) == cell


def test_cells_are_expanded_from_lists_commas_and_all(store: Store) -> None:
    def names(langs: list[str], tasks: list[str], *, of_paper: bool = False) -> list[str]:
        return [str(cell) for cell in cells.expand(store, langs, tasks, of_paper=of_paper)]

    assert names(["te,sw", "en"], ["topic"]) == ["te/topic", "sw/topic", "en/topic"]
    assert names(["te", "te"], ["topic,intent"]) == ["te/topic", "te/intent"]
    assert len(names(["all"], ["topic"], of_paper=True)) == 11
    assert names(["all"], ["sarcasm"], of_paper=True) == ["en/sarcasm"]
    assert names(["te"], ["sarcasm"]) == ["te/sarcasm"]  # asked for by name
    for langs, tasks in (([], ["topic"]), (["te"], []), ([" , "], ["topic"])):
        with pytest.raises(UsageError, match="say what to work on"):
            names(langs, tasks)


def test_all_is_what_the_store_has(store: Store, make: Callable[..., Artifact]) -> None:
    def names(*flags: str) -> list[str]:
        return [str(cell) for cell in cells.expand(store, [flags[0]], [flags[1]])]

    with pytest.raises(StoreError, match="there is no store"):
        names("all", "topic")
    store.put(replace(make("data", "de"), lang=None), {})
    with pytest.raises(DataError, match="nothing of --lang all --task topic is there"):
        names("all", "topic")
    for lang, task in (("sw", "intent"), ("fr-CA", "topic"), ("te", "topic"), ("en", "sarcasm")):
        store.put(replace(make("data", lang), task=task), {})
    assert names("all", "all") == ["sw/intent", "en/sarcasm", "te/topic", "fr-CA/topic"]
    assert names("all", "topic") == ["te/topic", "fr-CA/topic"]
    assert names("sw,te", "all") == ["sw/intent", "te/topic"]
    found = cells.expand(store, ["te,all"], ["topic"])
    assert [(str(cell), cell.of_all) for cell in found] == [("te/topic", False), ("fr-CA/topic", True)]
    assert cells.absent(cells.expand(store, ["te,sw,en"], ["all"])) == [
        "en/intent", "te/intent", "sw/topic", "en/topic"
    ]  # fmt: skip
    assert cells.absent(cells.expand(store, ["te,sw"], ["topic"])) == []


def test_a_task_says_in_which_languages_there_is_data(store: Store, tmp_path: Path) -> None:
    """No code knows a task by its name: the limits of the built-in one stand in its file, too."""
    assert load("sarcasm").langs == ("en",) and load("topic").langs == ()
    path = tmp_path / "own.toml"
    path.write_text(
        'name = "own"\ninstruction = "{options}"\nlangs = ["TE", "swh"]\n'
        '[[labels]]\nname = "a"\n[[labels]]\nname = "b"\n'
    )
    own = load(str(path))
    assert own.langs == ("te", "swh") and from_mapping(own.definition(), where="x") == own
    assert [cell.lang for cell in cells.expand(store, ["all"], [str(path)], of_paper=True)] == ["te"]
    assert [cell.lang for cell in cells.expand(store, ["all,en"], [str(path)], of_paper=True)] == ["te", "en"]
    assert "sarcasm" not in Path(cells.__file__).read_text("utf-8")


@pytest.mark.parametrize("langs", ['"en"', "[1]", '["qqq"]', "3"])
def test_limits_that_are_no_languages(tmp_path: Path, langs: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(f'name = "own"\ninstruction = "{{options}}"\nlangs = {langs}\n[[labels]]\nname = "a"\n')
    with pytest.raises(UsageError, match="langs"):
        load(str(path))


def test_a_task_without_limits_is_defined_as_before() -> None:
    assert "langs" not in load("topic").definition() and load("sarcasm").definition()["langs"] == ["en"]


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("th_TH", "th-TH"), ("TH", "th"), ("tha", "th"), ("yor", "yo"), ("yor_Latn", "yo-Latn"),
        ("swh_Latn", "sw"),
        ("zho_Hant", "zh-Hant"), ("Telugu", "te"), ("telugu_sa", "te"), ("haitian_creole", "ht"), ("iw", "he"),
        ("train", None), ("dev", None), ("val", None), ("all", None), ("data", None), ("thing", None), ("", None),
        ("0000", None), ("review", None), ("qqq", None),
    ],
)  # fmt: skip
def test_names_in_data_sets(name: str, tag: str | None) -> None:
    assert languages.named(name) == tag


@pytest.mark.parametrize(
    ("tag", "name", "same"),
    [
        ("th", "th_TH", True), ("th-TH", "th", True), ("yo", "yor", True), ("sw", "swh_Latn", True),
        ("zh", "zho_Hans", True),
        ("zh", "zho_Hant", False), ("zh-TW", "zho_Hant", True), ("pt-BR", "pt_PT", False), ("pt", "pt_BR", True),
        ("sr", "sr_Latn", False), ("yo", "ha", False), ("yo", "train", False), ("id", "msa", False),
    ],
)  # fmt: skip
def test_the_language_that_a_name_stands_for(tag: str, name: str, same: bool) -> None:
    assert languages.matches(tag, name) is same
