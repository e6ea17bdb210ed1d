"""Which files of a local copy of a data set are in one language: a copy may hold many, in folders or by file names.

Here: names of folders, files and configurations. Not here: reading the files (`hub.py`), languages by their names
(`tasks/languages.py`).
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sdc.errors import DataError
from sdc.pipelines.tasks import languages

#: What `datasets` reads.
_SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow")
#: Our split -> how file and folder names call it.
_SPLIT_WORDS = {
    "train": ("train", "training"),
    "test": ("test", "testing", "eval", "evaluation"),
    "dev": ("dev", "validation", "valid", "val"),
}
_WORDS = re.compile(r"[^\W_]+(?:_[A-Z][a-z]{3}|[-_][A-Z]{2})?(?=$|[^\w]|_)|[^\W_]+")
_CONFIG = re.compile(r"^\s*-?\s*config_name:\s*['\"]?([^'\"\s#]+)", re.MULTILINE)
#: A name with a script or a region is that of a language.
_PLAIN = re.compile(r"[-_]([A-Z][a-z]{3}|[A-Z]{2})$")
#: How deep folders of languages are looked for.
_DEPTH = 4
_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class LanguageFiles:
    """The files of a local copy that hold the rows of one language.

    Args:
        folder: What to read.
        config: Configuration of its dataset card to use, or None.
        files: The files to read, if not all of the folder belong to the language.
    """

    folder: Path
    config: str | None = None
    files: tuple[Path, ...] = ()


def locate(root: Path, *, lang: str, split: str, config: str | None) -> LanguageFiles:
    """Returns where the rows of a language stand, found by the dataset card, a folder, or the names of files.

    Args:
        root: The copy.
        lang: Tag of the language.
        split: Theirs, as `train`.
        config: What the hub calls the configuration of this language, or None.

    Raises:
        DataError: The copy has other languages only, or several that fit; with what is there.
    """
    folders = _folders(root)
    if config is not None and config in folders:
        # A copy of one language is enough; with the card, `datasets` would want the files of all of them.
        return LanguageFiles(folder=folders[config])
    configs = _CONFIG.findall(_card(root))
    if configs and (config in configs or any(map(languages.named, configs))):
        return LanguageFiles(
            folder=root, config=config if config in configs else _only(lang, configs, root, "configurations")
        )
    if any(languages.named(path.name) for path in folders.values()):
        return LanguageFiles(folder=folders[_only(lang, folders, root, "folders")])
    return _by_files(root, lang=lang, split=split)


def _card(root: Path) -> str:
    path = root / "README.md"
    return path.read_text("utf-8", errors="replace") if path.is_file() else ""


def _folders(root: Path) -> dict[str, Path]:
    """Returns the folders with data that may be of one language each, by name; by path where several have one name.

    Deeper in a copy (`data/annotated/yor_Latn`) they are those that are plainly called by languages, for folders such
    as `raw` and `src` are called like one by chance.
    """
    found: list[Path] = []
    for parent in (root, *_below(root)):
        if any(path in found and languages.named(path.name) for path in (parent, *parent.parents)):
            continue  # what is in a folder of a language belongs to it
        folders = [path for path in _below(parent, depth=1) if any(_files(path))]
        if parent not in (root, root / "data"):
            folders = [path for path in folders if languages.named(path.name)]
            if len(folders) < 2 and not any(_PLAIN.search(path.name) for path in folders):
                continue
        found += [path for path in folders if path != root / "data"]
    count = Counter(path.name for path in found)
    return {path.name if count[path.name] == 1 else str(path.relative_to(root)): path for path in found}


def _below(folder: Path, *, depth: int = _DEPTH) -> list[Path]:
    """Returns the folders below one that are not hidden, those nearer to it first."""
    found, level = [], [folder]
    for _ in range(depth):
        level = [
            path
            for parent in level
            for path in (sorted(parent.iterdir()) if parent.is_dir() else ())
            if path.is_dir() and not path.is_symlink() and not path.name.startswith(".")
        ]
        found += level
    return found


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in _SUFFIXES and path.is_file())


def _only(lang: str, names: Iterable[str], root: Path, what: str) -> str:
    """Returns the one name that stands for a language."""
    names = list(dict.fromkeys(names))
    fitting = [name for name in names if languages.matches(lang, Path(name).name)]
    exact = [name for name in fitting if languages.named(Path(name).name) == lang]
    if len(exact) == 1 or len(fitting) == 1:
        return (exact or fitting)[0]
    shown = ", ".join(fitting or [name for name in names if languages.named(Path(name).name)][:_SHOWN])
    if fitting:
        raise DataError(f"several {what} fit {lang}: {shown}", str(root), "say which with --from or a longer --lang")
    raise DataError(f"nothing in {lang} is there; the {what} are {shown}", str(root), "correct --lang or --from")


def _by_files(root: Path, *, lang: str, split: str) -> LanguageFiles:
    """Returns the files of a split in a language, where names of files say languages; else the whole folder."""
    of: dict[str, list[Path]] = {}
    files = list(_files(root))
    for path in files:
        for name in _languages_in(path.relative_to(root)):
            of.setdefault(name, []).append(path)
    if not of or (len(of) == 1 and len(next(iter(of.values()))) < len(files)):
        return LanguageFiles(folder=root)  # a word in one of the names, such as `my`, is no sign of a language
    own = of[_only(lang, of, root, "languages in its file names")]
    words = _SPLIT_WORDS.get(split, (split,))
    fitting = tuple(path for path in own if any(word in words for word in _words(path.relative_to(root))))
    if not fitting:
        shown = ", ".join(str(path.relative_to(root)) for path in own[:_SHOWN])
        raise DataError(f"no {split} file in {lang} is there; it has {shown}", str(root), "use `sdc data add`")
    return LanguageFiles(folder=root, files=fitting)


def _words(path: Path) -> list[str]:
    return [word.casefold() for word in re.split(r"[^\w]|_", str(path.with_suffix(""))) if word]


def _languages_in(path: Path) -> list[str]:
    """Returns the languages that the name of a file says, as it calls them.

    >>> [_languages_in(Path(name)) for name in ("yo_train.tsv", "train.En.csv", "tel_Telu-test.tsv", "data/train.csv")]
    [['yo'], ['En'], ['tel_Telu'], []]
    """
    splits = {word for words in _SPLIT_WORDS.values() for word in words}
    stem = path.name.removesuffix(path.suffix)
    found = [word for word in _WORDS.findall(stem) if word.casefold() not in splits and languages.named(word)]
    return list(dict.fromkeys(found))


def load_arguments(found: LanguageFiles, *, split: str) -> Mapping[str, object]:
    """Returns what `datasets.load_dataset` takes for these files."""
    arguments: dict[str, object] = {"path": str(found.folder)}
    if found.config is not None:
        arguments["name"] = found.config
    if found.files:
        # `datasets` puts the folder in front of paths that are not absolute.
        arguments["data_files"] = {split: [str(path.absolute()) for path in found.files]}
    return arguments
