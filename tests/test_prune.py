"""Terms that are left out weigh nothing, and all others what they weighed."""

import numpy as np
import pytest
from csplade.pipelines.errors import UsageError
from csplade.pipelines.graph import GraphOutput, Role
from csplade.pipelines.prune import prune_terms
from csplade.pipelines.prune_kinds import Pruned
from csplade.pipelines.torch_graph import TorchGraph
from csplade.pipelines.training_options import TermSpace
from csplade.tests.tiny_trained import tiny_trained
from numpy.typing import NDArray

pytestmark = pytest.mark.model
_IDS = [[0, *range(300, 312)], [0, *range(60, 70)]]


def test_what_is_left_out_weighs_nothing_and_nothing_else_changes() -> None:
    trained = tiny_trained(TermSpace.PIECES)
    size = len(trained.terms)
    trained.model.keep(size, size)
    pruned, counts = prune_terms(trained, list(Pruned))
    vocabulary = {number: piece for piece, number in trained.tokenizer.get_vocab().items()}
    # Of a byte-level alphabet the 128 bytes above ASCII are broken letters; the tiny vocabulary has no longer ones.
    assert counts[Pruned.SPECIAL] == 1 and counts[Pruned.UNUSED] == size - len(vocabulary)
    assert counts[Pruned.BYTES] >= 128
    assert len(pruned.model.head) == size - sum(counts.values())
    before, after = (
        [_weights(row, each) for row in range(2)]
        for each in (TorchGraph(model).run(_IDS, Role.DOCUMENT) for model in (trained.model, pruned.model))
    )
    for whole, rest in zip(before, after, strict=True):
        assert rest[0] == 0 and whole[0] >= 0
        left_out = rest == 0
        np.testing.assert_allclose(rest[~left_out], whole[~left_out], rtol=1e-5)
        # Only what was left out was lost.
        assert np.count_nonzero(whole[left_out]) <= sum(counts.values())
    assert any(np.count_nonzero(whole) > np.count_nonzero(rest) for whole, rest in zip(before, after, strict=True))


def _weights(row: int, output: GraphOutput) -> NDArray[np.float32]:
    weights = np.zeros(1000, dtype=np.float32)
    weights[output.term_ids[row]] = output.weights[row]
    return weights


def test_no_kind_is_no_change_and_words_are_not_pruned() -> None:
    trained = tiny_trained(TermSpace.PIECES)
    assert prune_terms(trained, []) == (trained, {})
    with pytest.raises(UsageError, match="whole words: leave out --prune"):
        prune_terms(tiny_trained(TermSpace.WORDS), [Pruned.SPECIAL])
