"""Texts in, sparse vectors out, with numpy, tokenizers and onnxruntime only.

Texts are taken in windows, sorted by length inside a window, run in batches of a token budget, and given back in their
own order. So memory is bounded by a window however long the input is.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from csplade.pipelines.contract import TABLE_QUERIES, Contract, check_files, read_contract
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.folder import DECIDING_FILES, MODEL_FILE, TOKENIZER_FILE, Tables, read_tables
from csplade.pipelines.graph import Graph, Role, Runs
from csplade.pipelines.literal import Floats, document_weights, frequencies, gates_of_words, query_weights
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.words import Word, split_words
from tokenizers import Encoding, Tokenizer


@dataclass(frozen=True)
class EncodeOptions:
    """How texts are batched."""

    window: int = 128
    """Texts that are read ahead and sorted by length."""
    batch_tokens: int = 512
    """Tokens of a batch, padding included; one longer text is a batch of its own. More would pad short texts more: on
    docstrings of 33 tokens, 2,048 tokens from windows of 64 texts are 54% padding, 512 from 128 are 9%."""
    threads: int | None = None
    """Threads of the runtime; None lets it take all cores."""


_DEFAULT = EncodeOptions()
LONGEST_TOKEN = 64
"""Characters; the few longer pieces of a vocabulary are runs of spaces and the like."""


class Encoder:
    """An opened encoder folder."""

    def __init__(
        self,
        contract: Contract,
        tokenizer: str,
        graph: Runs,
        tables: Tables,
        options: EncodeOptions = _DEFAULT,
    ) -> None:
        self.contract = contract
        self._graph = graph
        self._tables = tables
        self._options = options
        sides = {Role.DOCUMENT: contract.document, Role.QUERY: contract.query}
        self._tokenizers = {role: cutting_tokenizer(tokenizer, side.max_tokens) for role, side in sides.items()}

    @classmethod
    def open(cls, folder: Path, options: EncodeOptions = _DEFAULT) -> "Encoder":
        """Open an encoder folder whose files are what its contract says.

        Raises:
            EncoderError: the folder is incomplete, damaged or of another version.
            MissingExtraError: there is no onnxruntime.
        """
        contract = read_contract(folder)
        check_files(folder, contract)
        if unsure := [name for name in DECIDING_FILES if name not in contract.files]:
            raise EncoderError(
                f"the contract of {folder} has files without {', '.join(unsure)}: export the encoder again"
            )
        try:
            tokenizer = (folder / TOKENIZER_FILE).read_text(encoding="utf-8")
        except OSError as error:
            raise EncoderError(f"{folder} cannot be read ({error}): copy the encoder folder again") from error
        graph = Graph.open(folder / MODEL_FILE, options.threads)
        return cls(contract, tokenizer, graph, read_tables(folder), options)

    def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        """Encode documents, lazily and in order; a text without any word gives an empty vector."""
        return self._encode(texts, Role.DOCUMENT)

    def queries(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        """Encode queries, lazily and in order; a text without any word gives an empty vector."""
        return self._encode(texts, Role.QUERY)

    def _encode(self, texts: Iterable[str], role: Role) -> Iterator[SparseVector]:
        rest = iter(texts)
        while window := [_well_formed(text) for text in islice(rest, self._options.window)]:
            yield from self._window(window, role)

    def _window(self, texts: list[str], role: Role) -> list[SparseVector]:
        side = self.contract.document if role is Role.DOCUMENT else self.contract.query
        words = [self._words(text) for text in texts]
        # Expansions of punctuation or of function words alone are noise.
        filled = [place for place, text in enumerate(texts) if text.strip() and words[place] != []]
        # A tokenizer reads the whole of a text before it cuts it: a book would cost minutes for its first page.
        reach = side.max_tokens * LONGEST_TOKEN
        prefixed = [side.prefix + text[:reach] for text in texts]
        if role is Role.QUERY and self.contract.query_path == TABLE_QUERIES:
            found = self._from_table(prefixed, words)
        else:
            found = self._from_graph(prefixed, words, filled, role)
        vectors = [SparseVector()] * len(texts)
        for place in filled:
            vectors[place] = self._some(SparseVector.from_pairs(found[place].items()))
        return vectors

    def _some(self, vector: SparseVector) -> SparseVector:
        """Return the vector, or where it has no term the contract's last resort, if there is one."""
        term = self.contract.last_resort
        return vector if vector.weights or not term else SparseVector({term: 1.0})

    def _words(self, text: str) -> list[Word] | None:
        """Return the words of the literal path; None without one."""
        literal = self.contract.literal
        return None if literal is None else split_words(text, literal.analysis)

    def _from_graph(
        self, prefixed: list[str], words: list[list[Word] | None], filled: list[int], role: Role
    ) -> dict[int, dict[str, float]]:
        """Return the weights of the texts at the places `filled`."""
        encodings = self._tokenizers[role].encode_batch(prefixed)
        found: dict[int, dict[str, float]] = {}
        # Without BOS a text may have no token at all, such as one of characters that the tokenizer drops.
        bare = [place for place in filled if not len(encodings[place])]
        for place in bare:
            found[place] = {}
            self._add_literal(found[place], words[place], encodings[place], np.zeros(0, dtype=np.float32), role)
        lengths = {place: len(encodings[place]) for place in filled if place not in found}
        for batch in batches(lengths, self._options.batch_tokens):
            output = self._graph.run([encodings[place].ids for place in batch], role)
            for row, place in enumerate(batch):
                expansion = zip(output.term_ids[row].tolist(), output.weights[row].tolist(), strict=True)
                found[place] = {self._tables.terms[term]: weight for term, weight in expansion if weight > 0}
                gates = output.gates[row, : len(encodings[place])]
                self._add_literal(found[place], words[place], encodings[place], gates, role)
        return found

    def _from_table(self, prefixed: list[str], words: list[list[Word] | None]) -> dict[int, dict[str, float]]:
        """Return the weights of queries without a model: of each own word by count, or of each own piece once."""
        literal = self.contract.literal
        if literal is not None:
            counted = [frequencies(own or [], np.ones(len(own or []), dtype=np.float32)) for own in words]
            return {place: query_weights(tf, self._tables.idf, literal) for place, tf in enumerate(counted)}
        prefix = len(self.contract.query.prefix)
        encodings = self._tokenizers[Role.QUERY].encode_batch(prefixed, add_special_tokens=False)
        found: dict[int, dict[str, float]] = {}
        for place, encoding in enumerate(encodings):
            own = {piece for piece, (_, end) in zip(encoding.ids, encoding.offsets, strict=True) if end > prefix}
            keys = [self._tables.terms[piece] for piece in own]
            found[place] = {key: self._tables.idf.get(key, 0.0) for key in keys}
        return found

    def _add_literal(
        self, vector: dict[str, float], words: list[Word] | None, encoding: Encoding, gates: Floats, role: Role
    ) -> None:
        """Add the weights of the text's own words; a word that the expansion has too gets the sum."""
        literal = self.contract.literal
        if literal is None or words is None:
            return
        prefix = (self.contract.document if role is Role.DOCUMENT else self.contract.query).prefix
        ends = np.array([end for _, end in encoding.offsets], dtype=np.int64) - len(prefix)
        counted = frequencies(words, gates_of_words(words, ends, gates))
        if role is Role.DOCUMENT:
            weights = document_weights(counted, len(words), self._tables.idf, literal)
        else:
            weights = query_weights(counted, self._tables.idf, literal)
        for key, weight in weights.items():
            vector[key] = vector.get(key, 0.0) + weight


def batches(lengths: Mapping[int, int], budget: int) -> Iterator[list[int]]:
    """Group positions by similar length (in tokens), so that a group padded to its longest keeps to the budget."""
    group: list[int] = []
    for position in sorted(lengths, key=lambda position: (lengths[position], position)):
        if group and (len(group) + 1) * lengths[position] > budget:
            yield group
            group = []
        group.append(position)
    if group:
        yield group


def cutting_tokenizer(described: str, max_tokens: int) -> Tokenizer:
    """Return the tokenizer of a `tokenizer.json`, cutting texts to so many tokens."""
    tokenizer = Tokenizer.from_str(described)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def _well_formed(text: str) -> str:
    """Replace lone surrogates, which no tokenizer takes, one character each."""
    return text if text.isascii() else text.encode("utf-8", errors="replace").decode("utf-8")
