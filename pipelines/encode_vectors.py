"""What the graph says of a text's passages, and its words, into one sparse vector."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from csplade.pipelines.contract import Contract
from csplade.pipelines.encode_reading import Passage, Reading
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.folder import TERMS_FILE, Tables
from csplade.pipelines.graph import Role
from csplade.pipelines.literal import Floats, document_weights, frequencies, gates_of_words, query_weights
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.words import Words
from numpy.typing import NDArray


class PassageOutput(NamedTuple):
    """What the graph says of one passage."""

    term_ids: NDArray[np.int64]
    """(k,)"""
    weights: Floats
    """(k,)"""
    gates: Floats
    """(at least as many as the passage has tokens,): what is behind them is padding."""

    def cut(self, passage: Passage) -> "PassageOutput":
        """Return it without padding."""
        return self._replace(gates=self.gates[: len(passage.ids)])


class VectorMaker:
    """Makes the vectors of one encoder."""

    def __init__(self, contract: Contract, tables: Tables, where: str) -> None:
        """Take what vectors are made with; `where` names the encoder in errors."""
        self._contract, self._tables, self._where = contract, tables, where

    def of_model(self, reading: Reading, outputs: Sequence[PassageOutput], role: Role) -> SparseVector:
        """Return the vector of a text: of each term the largest weight that a passage gives, and the own words.

        Raises:
            EncoderError: the graph gives a term that is not in the table.
        """
        weights: dict[str, float] = {}
        for output in outputs:
            for key, weight in zip(self._keys(output.term_ids.tolist()), output.weights.tolist(), strict=True):
                if weight > weights.get(key, 0.0):
                    weights[key] = weight
        if reading.words is not None:
            gates = _merged_gates(reading, outputs)
            # A word that the expansion has too gets the sum.
            for key, weight in self._literal(reading.words, reading.token_ends, gates, role).items():
                weights[key] = weights.get(key, 0.0) + weight
        return self._some(weights)

    def of_words(self, words: Words) -> SparseVector:
        """Return the vector of a query without a model: each own word, by count."""
        counted = frequencies(words.keys, np.ones(len(words.keys), dtype=np.float32))
        literal = self._contract.literal
        return self._some(query_weights(counted, self._tables.idf, literal) if literal else {})

    def of_pieces(self, pieces: Sequence[int]) -> SparseVector:
        """Return the vector of a query without a model: each own piece, once."""
        return self._some({key: self._tables.idf.get(key, 0.0) for key in self._keys(set(pieces))})

    def _keys(self, numbers: Collection[int]) -> list[str]:
        terms = self._tables.terms
        try:
            return [terms[number] for number in numbers]
        except IndexError as error:
            raise EncoderError(
                f"{TERMS_FILE} of {self._where} has {len(terms)} terms, and its graph gives number {max(numbers)}: "
                "they do not belong together; copy or export the encoder again"
            ) from error

    def _literal(self, words: Words, token_ends: NDArray[np.int64], gates: Floats, role: Role) -> dict[str, float]:
        literal = self._contract.literal
        if literal is None:
            return {}
        counted = frequencies(words.keys, gates_of_words(words.ends, token_ends, gates))
        if role is Role.DOCUMENT:
            return document_weights(counted, len(words.keys), self._tables.idf, literal)
        return query_weights(counted, self._tables.idf, literal)

    def _some(self, weights: dict[str, float]) -> SparseVector:
        """Return the vector, or where it has no term the contract's last resort, if there is one."""
        vector, term = SparseVector.from_pairs(weights.items()), self._contract.last_resort
        return vector if vector.weights or not term else SparseVector({term: 1.0})


def _merged_gates(reading: Reading, outputs: Sequence[PassageOutput]) -> Floats:
    """Return the gate of each token of the text, the largest that a passage gives: (tokens,)."""
    if len(outputs) == 1 and reading.passages[0].places is None:
        return outputs[0].gates
    gates = np.zeros(len(reading.token_ends) if outputs else 0, dtype=np.float32)
    for passage, output in zip(reading.passages, outputs, strict=True):
        places = passage.places
        gates[places] = np.maximum(gates[places], output.gates)
    return gates
