"""Whether an encoder is what it says: `python benchmarks/encoder.py DATA [--model NAME]`.

The test sentences of topic are the same in every language, so each has one translation among those of another: how
often is it the nearest of all? Beside it how similar translations are, and other sentences, and how often n-grams of
letters alone find the translation, by names and digits. A damaged encoder, or one that is told the wrong prefix, shows
here before it spoils results.
"""

import argparse
import csv
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from sdc.cache.store import Store
from sdc.pipelines import encoders
from sdc.pipelines.encoders import settings
from sdc.pipelines.engines import models

_MAX_LENGTH = 256


def texts(data: Path, lang: str) -> dict[str, str]:
    """Returns the test sentences of a language by their id."""
    with (data / "topic" / f"{lang}-test.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row["text"] for row in csv.DictReader(file)}


def found(similarity_NN: Any) -> float:
    """Returns the share of sentences whose translation is the most similar of all, in %, in both directions."""
    right = np.arange(len(similarity_NN))
    return float(50 * ((similarity_NN.argmax(0) == right).mean() + (similarity_NN.argmax(1) == right).mean()))


def by_letters(first: list[str], second: list[str]) -> float:
    """Returns the same of n-grams of letters."""
    counts = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True).fit([*first, *second])
    return found((counts.transform(first) @ counts.transform(second).T).toarray())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default=models.ENCODER)
    parser.add_argument("--langs", default="te,sw,az,ro,de,en", help="the last is what the others are compared with")
    arguments = parser.parse_args()
    *langs, pivot = arguments.langs.split(",")
    with tempfile.TemporaryDirectory() as folder:
        model = models.resolve(Store(Path(folder) / "store.duckdb"), arguments.model)
        prefix, pooling = settings.prefix_of(model), settings.pooling_of(model)
        encoder = encoders.load(model, prefix=prefix, pooling=pooling, max_length=_MAX_LENGTH)
        known = {lang: texts(arguments.data, lang) for lang in (*langs, pivot)}
        ids = sorted(set.intersection(*map(set, known.values())))
        rows = {lang: [found[i] for i in ids] for lang, found in known.items()}
        vectors = {lang: encoder.encode(rows[lang]) for lang in rows}
    print(f"{model.name}: prefix {prefix!r}, pooling {pooling}, {len(ids)} sentences, translations into {pivot}")
    print(f"{'':6} {'found':>8} {'by letters':>11} {'cosine of translations':>24} {'of others':>24}")
    table = []
    for lang in langs:
        similarity_NN = vectors[lang] @ vectors[pivot].T
        own, others = np.diag(similarity_NN), similarity_NN[~np.eye(len(ids), dtype=bool)]
        row = {"lang": lang, "found": found(similarity_NN), "letters": by_letters(rows[lang], rows[pivot])}
        table.append({**row, "own": float(own.mean()), "others": float(others.mean())})
        spread = [f"{part.mean():.3f} ({part.min():.3f}..{part.max():.3f})" for part in (own, others)]
        print(f"{lang:6} {row['found']:6.1f} % {row['letters']:9.1f} % {spread[0]:>24} {spread[1]:>24}")
    print(json.dumps(table))


if __name__ == "__main__":
    main()
