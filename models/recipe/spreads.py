"""How far a query's scores are apart, by words and by the dense teacher: the units in which `ranking.py` adds them.

    python -m csplade.models.recipe.spreads GGUF_FILE MINILM_FOLDER WORK_FOLDER

Both are standard deviations over documents, means over queries, of texts that are drawn from the training pairs.
"""

import random
from pathlib import Path

import click
import torch
from csplade.commands.output import print_table
from csplade.models.recipe import arguments
from csplade.models.recipe.corpus import Corpus, read_corpus
from csplade.models.recipe.expansion import read_expansion
from csplade.models.recipe.literal_scores import literal_scores
from csplade.models.recipe.reader import Reader, open_reader

_QUERIES, _DOCUMENTS = 500, 4000
_TOKENS = 256


@torch.no_grad()
def spreads(corpus: Corpus, reader: Reader, chance: random.Random) -> tuple[float, float]:
    """Return the standard deviations of a query's literal scores and cosines over drawn documents, means of queries."""
    asked = chance.sample(range(len(corpus.queries)), min(_QUERIES, len(corpus.queries)))
    drawn = chance.sample(range(len(corpus.documents)), min(_DOCUMENTS, len(corpus.documents)))
    collator, extra = reader.collator(_TOKENS), dict[str, int]()
    queries = collator.queries([corpus.queries[place] for place in asked], extra)
    documents = collator.documents([corpus.documents[place] for place in drawn], extra)
    literal = literal_scores(queries, documents, len(reader.terms) + len(extra))
    dense = corpus.query_vectors[asked] @ corpus.document_vectors[drawn].T
    return literal.std(1).mean().item(), dense.std(1).mean().item()


@click.command(cls=arguments.Step)
@arguments.gguf
@arguments.minilm
@arguments.work
def main(gguf: Path, minilm: Path, work: Path) -> None:
    """Print both."""
    reader = open_reader(gguf, work, read_expansion(work).terms)
    print_table("", ("literal", "dense"), [spreads(read_corpus(work, minilm), reader, random.Random(0))])


if __name__ == "__main__":
    main()
