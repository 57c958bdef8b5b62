"""Step 1: draw training pairs from the folder of pair files, mixed so that real questions weigh most.

python -m csplade.models.recipe.pairs PAIRS_FOLDER WORK_FOLDER
"""

import gzip
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson

# File -> pairs drawn. medquad is left out: its answers are documents of the judged collection liveqa-med.
SHARES = {
    "squadshifts-new_wiki": 800,
    "squadshifts-reddit": 600,
    "squadshifts-amazon_reviews": 500,
    "stackexchange-small": 900,
    "nq-qed": 600,
    "selqa": 600,
    "scitldr": 500,
    "policyqa": 300,
    "clapnq": 300,
    "docs-opensearch": 300,
    "docs-cpp": 300,
    "docs-powershell": 300,
    "docs-owasp": 300,
    "tldr-commands": 300,
    "wiki-title-text": 200,
    "wordnet-glosses": 200,
    "dc-law-heading-text": 150,
    "movie-title-intro": 100,
    "factbook": 100,
}
SEED = 20261124


def draw(folder: Path) -> list[dict[str, str]]:
    """Return the pairs in random order, each with the name of its source; no positive twice."""
    chance = random.Random(SEED)
    pairs = []
    for source, share in SHARES.items():
        distinct = {pair["positive"]: pair for pair in _read(folder / f"{source}.jsonl.gz")}
        for pair in chance.sample(list(distinct.values()), min(share, len(distinct))):
            pairs.append({"source": source, "query": pair["query"], "positive": pair["positive"]})
    chance.shuffle(pairs)
    return pairs


def _read(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path) as lines:
        yield from map(orjson.loads, lines)


def main() -> None:
    """Write `pairs.jsonl`."""
    folder, work = map(Path, sys.argv[1:])
    work.mkdir(parents=True, exist_ok=True)
    with (work / "pairs.jsonl").open("wb") as file:
        file.writelines(orjson.dumps(pair, option=orjson.OPT_APPEND_NEWLINE) for pair in draw(folder))


if __name__ == "__main__":
    main()
