"""Step 2: inverse document frequencies of words over broad text, the documents of the sources of step 1.

python -m csplade.models.recipe.idf PAIRS_FOLDER WORK_FOLDER
"""

import gzip
import random
from collections import Counter
from pathlib import Path

import click
import orjson
from csplade.models.recipe import arguments
from csplade.models.recipe.pairs import SHARES
from csplade.pipelines.broad_text import inverse
from csplade.pipelines.words import split_words
from tqdm import tqdm

_TEXTS_PER_SOURCE = 6000
"""So that no source makes its own words look common."""
_SHORTEST = 5
_RAREST = 3
"""A word in fewer texts gets the idf of a word that was never seen."""


def count(folder: Path) -> tuple[int, Counter[str]]:
    """Return the number of texts and how many of them hold each word."""
    chance, texts, frequencies = random.Random(0), 0, Counter[str]()
    for path in tqdm([folder / f"{source}.jsonl.gz" for source in sorted(SHARES)], unit=" files"):
        with gzip.open(path) as lines:
            distinct = list(dict.fromkeys(orjson.loads(line)["positive"] for line in lines))
        chance.shuffle(distinct)
        for text in distinct[:_TEXTS_PER_SOURCE]:
            words = [word.key for word in split_words(text, "english")]
            if len(words) >= _SHORTEST:
                texts += 1
                frequencies.update(set(words))
    return texts, frequencies


@click.command(cls=arguments.Step)
@arguments.pairs_folder
@arguments.work
def main(pairs_folder: Path, work: Path) -> None:
    """Count words and write `idf.json`: `{"idf": {key: number}, "default": number}`."""
    texts, frequencies = count(pairs_folder)
    table = {key: round(inverse(texts, n), 4) for key, n in sorted(frequencies.items()) if n >= _RAREST}
    default = round(inverse(texts, 1), 4)
    (work / "idf.json").write_bytes(orjson.dumps({"idf": table, "default": default}))


if __name__ == "__main__":
    main()
