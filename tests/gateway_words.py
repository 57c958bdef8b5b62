"""A gateway that rewrites, with the encoder that anyone can follow: slow, or broken, if it is told so.

`python -m csplade.tests.gateway_words` takes the arguments of `csplade`.
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import csplade.commands.serve
import orjson
from csplade.cli import main
from csplade.pipelines.sparse import SparseVector
from csplade.tests.gateway_process import Gateway, serving
from csplade.tests.word_encoder import WordEncoder, word_vector

SLOW, BROKEN, DOTTED = "slowword", "brokenword", "dottedword"
"""Texts with these take four seconds, cannot be encoded, or get a term that no cluster takes."""
SLOW_SECONDS = 4.0
EXPANDING, EXPANSION = "expandingword", "expansionword"
"""Texts with the first get the second as a term besides, as from a model that knows what else fits."""
NO_ENCODER = "CSPLADE_TEST_NO_ENCODER"
"""Set, the encoder cannot be opened."""


class TroubledEncoder(WordEncoder):
    """Meets trouble where a text asks for it."""

    runs_on = ("CPUExecutionProvider",)

    def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        wanted = list(texts)
        for text in wanted:
            if BROKEN in text:
                raise ValueError(f"it stumbles over {text}")
            if SLOW in text:
                time.sleep(SLOW_SECONDS)
            more = ((EXPANSION, 5.0),) if EXPANDING in text else ()
            yield SparseVector({"a.b": 1.0}) if DOTTED in text else SparseVector.from_pairs((*word_vector(text), *more))


def open_words(_: Path, shared: bool = False) -> TroubledEncoder:
    """Open it, in the place of the real one; it shares itself as well as not."""
    if NO_ENCODER in os.environ:
        raise OSError("there is none")
    return TroubledEncoder()


@contextmanager
def rewriting(url: str, config: object, *options: str) -> Iterator[Gateway]:
    """Run a gateway that rewrites as `config` says in front of `url` on a free port."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rewrite.json"
        path.write_bytes(orjson.dumps(config))
        with serving(url, "--config", str(path), *options, module="csplade.tests.gateway_words") as running:
            yield running


if __name__ == "__main__":
    csplade.commands.serve.open_encoder = open_words  # type: ignore[assignment]  # of tests, and light
    main()
