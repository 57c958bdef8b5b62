"""Step 1: draw training pairs from the folder of pair files, mixed so that real questions weigh most.

python -m csplade.models.recipe.pairs PAIRS_FOLDER WORK_FOLDER
"""

import gzip
import random
from collections.abc import Iterator
from pathlib import Path

import click
import orjson
from csplade.models.recipe import arguments

# File -> most pairs drawn. medquad is left out: its answers are documents of the judged collection liveqa-med.
SHARES = {
    "squadshifts-new_wiki": 20_000,
    "squadshifts-reddit": 20_000,
    "squadshifts-amazon_reviews": 20_000,
    "stackexchange-small": 8000,
    "nq-qed": 10_000,
    "selqa": 10_000,
    "scitldr": 4000,
    "policyqa": 3000,
    "clapnq": 3000,
    "docs-opensearch": 3000,
    "docs-cpp": 3000,
    "docs-powershell": 3000,
    "docs-owasp": 2000,
    "tldr-commands": 3000,
    "wiki-title-text": 3000,
    "wordnet-glosses": 4000,
    "dc-law-heading-text": 1500,
    "movie-title-intro": 3000,
    "factbook": 1500,
}
_SEED = 1


def draw(folder: Path) -> list[dict[str, str]]:
    """Return the pairs in random order, each with the name of its source."""
    chance = random.Random(_SEED)
    pairs = []
    for source, share in SHARES.items():
        found = list(_read(folder / f"{source}.jsonl.gz"))
        chance.shuffle(found)
        pairs += [{"source": source, "query": pair["query"], "positive": pair["positive"]} for pair in found[:share]]
    chance.shuffle(pairs)
    return pairs


def _read(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path) as lines:
        yield from map(orjson.loads, lines)


@click.command(cls=arguments.Step)
@arguments.pairs_folder
@arguments.new_work
def main(pairs_folder: Path, work: Path) -> None:
    """Draw the training pairs and write `pairs.jsonl`."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / "pairs.jsonl").open("wb") as file:
        file.writelines(orjson.dumps(pair, option=orjson.OPT_APPEND_NEWLINE) for pair in draw(pairs_folder))


if __name__ == "__main__":
    main()
