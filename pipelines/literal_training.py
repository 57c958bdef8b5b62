"""The literal path of `literal` with gradients for the gates, over a whole batch at once; needs torch."""

from csplade.pipelines.batches import BEHIND, NO_TERM, TextBatch
from csplade.pipelines.contract import Literal
from csplade.pipelines.graph import Role
from torch import Tensor


def literal_vectors(texts: TextBatch, gates: Tensor, role: Role, width: int, literal: Literal) -> Tensor:
    """Return the literal weights of texts, the formulas of `literal`: (texts, length) -> (texts, width)."""
    counted = texts.word_terms != NO_TERM  # (texts, words)
    places = texts.word_terms.clamp(min=0)
    weights = gates_of_words(texts, gates) * counted  # (texts, words)
    empty = weights.new_zeros(len(weights), width)
    if role is Role.QUERY:
        return empty.scatter_add(1, places, texts.roots * weights)
    frequency = empty.scatter_add(1, places, weights).gather(1, places)
    # A text without words has only zeros to divide.
    share = texts.lengths.clamp(min=1).unsqueeze(1) / literal.average_words
    norm = literal.k1 * (1 - literal.b + literal.b * share)  # (texts, 1)
    # Each occurrence carries its gate's share of the word's weight, so that their sum has the weight's gradient.
    return empty.scatter_add(1, places, texts.roots * weights * (literal.k1 + 1) / (frequency + norm))


def gates_of_words(texts: TextBatch, gates: Tensor) -> Tensor:
    """Return the gate of each word, as `literal.gates_of_words`: (texts, length) -> (texts, words)."""
    counted = texts.word_terms != NO_TERM
    read = counted & (texts.word_tokens != BEHIND)
    found = gates.to(texts.roots.dtype).gather(1, texts.word_tokens.clamp(min=0))
    some = read.sum(dim=1, keepdim=True)  # (texts, 1)
    average = (found * read).sum(dim=1, keepdim=True) / some.clamp(min=1)
    return found.where(read, average.where(some > 0, average.new_ones(())))
