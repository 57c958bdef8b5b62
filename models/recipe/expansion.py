"""Step 3: choose the stems that the expansion can give, frequent ones of the training texts, and embed a word of each.

python -m csplade.models.recipe.expansion MINILM_FOLDER WORK_FOLDER
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import torch
from csplade.models.recipe import arguments
from csplade.models.recipe.corpus import read_texts
from csplade.models.recipe.plan import LITERAL
from csplade.models.recipe.teacher import Teacher
from csplade.pipelines.whole_file import replace_file
from csplade.pipelines.words import split_words
from torch import Tensor
from tqdm import tqdm

_FEWEST_TEXTS = 8
_STEM = re.compile(r"[a-z]{3,}")


@dataclass(frozen=True)
class Expansion:
    """The terms, ascending."""

    terms: tuple[str, ...]
    vectors: Tensor
    """(terms, 384): the dense teacher's embedding of the word by which each stem is mostly written."""


def choose(texts: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the stems and the word by which each is mostly written."""
    frequencies, written = Counter[str](), dict[str, Counter[str]]()
    for text in tqdm(texts, desc="words", unit=" texts"):
        lowered, begin, seen = text.lower(), 0, set()
        for word in split_words(lowered, LITERAL.analysis):
            seen.add(word.key)
            found = re.findall(r"[^\W_]+", lowered[begin : word.end])
            written.setdefault(word.key, Counter())[found[-1]] += 1
            begin = word.end
        frequencies.update(seen)
    terms = sorted(term for term, n in frequencies.items() if n >= _FEWEST_TEXTS and _STEM.fullmatch(term))
    return tuple(terms), [written[term].most_common(1)[0][0] for term in terms]


def read_expansion(work: Path) -> Expansion:
    """Read what this step wrote."""
    terms, vectors = torch.load(work / "expansion.pt")
    return Expansion(tuple(terms), vectors)


@click.command(cls=arguments.Step)
@arguments.minilm
@arguments.work
def main(minilm: Path, work: Path) -> None:
    """Choose the terms and write `expansion.pt`."""
    texts = read_texts(work)
    terms, words = choose(texts.documents + texts.queries)
    vectors = Teacher(minilm).embed(words, "terms")
    replace_file(work / "expansion.pt", lambda file: torch.save([list(terms), vectors], file))


if __name__ == "__main__":
    main()
