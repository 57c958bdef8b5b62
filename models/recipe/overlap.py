"""What the training pairs have in common with judged collections, which nothing is to be trained on.

    python -m csplade.models.recipe.overlap WORK_FOLDER COLLECTION...

A pair and a document are counted where they share 13 words in a row, as is usual for finding test texts in training
data (Brown et al. 2020, appendix C); a query where a pair has the same one, whatever case and punctuation.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import click
from csplade.commands.output import print_table
from csplade.models.recipe import arguments
from csplade.models.recipe.corpus import Texts, read_texts
from csplade.pipelines.development import read_development

_ROW = 13
_ALL = 10**9
_WORD = re.compile(r"[^\W_]+")


class Overlap(NamedTuple):
    """Numbers of what is shared."""

    trained: int
    """Training documents that share a row of words with a judged one."""
    documents: int
    """Judged documents that share one with a training document."""
    queries: int
    """Judged queries that are a training query too."""


def overlap(texts: Texts, documents: Mapping[str, str], queries: Collection[str]) -> Overlap:
    """Compare training texts with a collection's documents, by id, and its queries."""
    holders = defaultdict[str, set[str]](set)
    for name, text in documents.items():
        for row in _rows(text):
            holders[row].add(name)
    shared = [set[str]().union(*(holders[row] for row in _rows(text) if row in holders)) for text in texts.documents]
    asked = {_plain(query) for query in texts.queries}
    same = sum(_plain(query) in asked for query in queries)
    return Overlap(sum(map(bool, shared)), len(set[str]().union(*shared)), same)


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


def _rows(text: str) -> Iterator[str]:
    words = _WORD.findall(text.lower())
    return (" ".join(words[begin : begin + _ROW]) for begin in range(len(words) - _ROW + 1))


@click.command(cls=arguments.Step)
@arguments.work
@arguments.collections
def main(work: Path, collections: tuple[Path, ...]) -> None:
    """Print a row for each collection."""
    texts, rows = read_texts(work), []
    for path in collections:
        judged = read_development(path, _ALL)
        found = overlap(texts, judged.documents, judged.collection.queries.values())
        rows.append((path.name, len(judged.documents), *found))
    print_table("", ("collection", "documents", "training documents", "of these", "queries"), rows)


if __name__ == "__main__":
    main()
