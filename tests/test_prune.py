"""Terms that are left out weigh nothing, and all others what they weighed."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from csplade.pipelines.encode import Encoder
from csplade.pipelines.errors import UsageError
from csplade.pipelines.export_folder import export_folder
from csplade.pipelines.fold import every_piece
from csplade.pipelines.graph import GraphOutput, Role
from csplade.pipelines.model import HeadOptions, SparseEncoderModel
from csplade.pipelines.prune import prune_terms
from csplade.pipelines.prune_kinds import Pruned
from csplade.pipelines.torch_graph import TorchGraph
from csplade.pipelines.trained import Trained
from csplade.pipelines.training_options import TermSpace
from csplade.tests.tiny_encoder import BOS
from csplade.tests.tiny_llama import tiny_llama
from csplade.tests.tiny_trained import tiny_trained
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders

pytestmark = pytest.mark.model
_TEXTS = ["bread, 雪国 and Zürich", "the pump"]
_GAP = 3
"""Ids in the middle of the vocabulary that no piece has."""


def gapped(tokenizer: Tokenizer) -> Tokenizer:
    """Return the tokenizer with the last pieces' ids moved up, so that some in between are nobody's."""
    described = json.loads(tokenizer.to_str())
    vocabulary = described["model"]["vocab"]
    last = len(vocabulary) - 5
    described["model"]["vocab"] = {piece: number + _GAP * (number >= last) for piece, number in vocabulary.items()}
    return Tokenizer.from_str(json.dumps(described))


def all_alive(residual: bool = False) -> Trained:
    """Return a random model of which every vocabulary id fires in every text."""
    trained = tiny_trained(TermSpace.PIECES)
    tokenizer = gapped(trained.tokenizer)
    fold = every_piece(tokenizer)
    language_model = tiny_llama(len(fold.terms), seed=7)
    options = HeadOptions(bos_id=0, document_terms=len(fold.terms), query_terms=len(fold.terms), residual=residual)
    model = SparseEncoderModel(language_model.model, language_model.lm_head.weight, fold, options)
    with torch.no_grad():
        model.shift.fill_(20.0)
    reading = dataclasses.replace(trained.reading, literal_residual=residual, document_terms=len(fold.terms))
    return dataclasses.replace(trained, model=model.eval(), tokenizer=tokenizer, terms=fold.terms, reading=reading)


def pruned_ids(trained: Trained) -> dict[Pruned, set[int]]:
    """Return the ids of each kind, by what Tokenizers itself decodes of each piece."""
    vocabulary = trained.tokenizer.get_vocab()
    decoder = decoders.ByteLevel()
    broken = {number for piece, number in vocabulary.items() if "\ufffd" in decoder.decode([piece])}
    unused = set(range(len(trained.terms))) - set(vocabulary.values())
    return {Pruned.SPECIAL: {vocabulary[BOS]}, Pruned.UNUSED: unused, Pruned.BYTES: broken}


def weights(trained: Trained) -> NDArray[np.float32]:
    """Return the weights of `_TEXTS` by vocabulary id, (texts, terms)."""
    ids = [encoding.ids for encoding in trained.tokenizer.encode_batch(_TEXTS)]
    return _by_id(TorchGraph(trained.model).run(ids, Role.DOCUMENT), len(trained.terms))


def _by_id(output: GraphOutput, size: int) -> NDArray[np.float32]:
    found = np.zeros((len(output.term_ids), size), dtype=np.float32)
    np.put_along_axis(found, output.term_ids, output.weights, axis=1)
    return found


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("kinds", [[Pruned.SPECIAL], [Pruned.UNUSED], [Pruned.BYTES], list(Pruned)])
def test_what_is_left_out_weighs_nothing_and_nothing_else_changes(kinds: Sequence[Pruned], residual: bool) -> None:
    trained = all_alive(residual)
    ids = pruned_ids(trained)
    assert len(ids[Pruned.UNUSED]) == _GAP and len(ids[Pruned.BYTES]) >= 128
    pruned, counts = prune_terms(trained, kinds)
    assert counts == {kind: len(ids[kind]) for kind in kinds}
    before, after = weights(trained), weights(pruned)
    assert (before > 0).all()
    gone = sorted(set().union(*(ids[kind] for kind in kinds)))
    assert len(pruned.model.head) == len(trained.terms) - len(gone)
    for whole, rest in zip(before, after, strict=True):
        assert np.flatnonzero(rest == 0).tolist() == gone
        np.testing.assert_allclose(np.delete(rest, gone), np.delete(whole, gone), rtol=1e-5)


def test_a_residual_gives_nothing_back_through_the_exported_graph(tmp_path: Path) -> None:
    trained = all_alive(residual=True)
    (ids,) = (set(encoding.ids) for encoding in trained.tokenizer.encode_batch(["雪国"]))
    broken = {trained.terms[number] for number in ids & pruned_ids(trained)[Pruned.BYTES]}
    assert broken
    for kinds, shown in (([], broken), ([Pruned.BYTES], set())):
        folder = tmp_path / f"encoder{len(kinds)}"
        export_folder(prune_terms(trained, kinds)[0], folder, quantize=False)
        vector = next(Encoder.open(folder).documents(["雪国"]))
        assert vector.weights.keys() & broken == shown


def test_no_kind_is_no_change_and_words_are_not_pruned() -> None:
    trained = tiny_trained(TermSpace.PIECES)
    assert prune_terms(trained, []) == (trained, {})
    with pytest.raises(UsageError, match="whole words: leave out --prune"):
        prune_terms(tiny_trained(TermSpace.WORDS), [Pruned.SPECIAL])
