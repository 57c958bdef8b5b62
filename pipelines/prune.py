"""Vocabulary that is to be no term is left out of a model's head; needs torch.

The ids stay: what is left out has the weight 0 for ever, from the literal residual too, and costs no product; whatever
else counts by vocabulary id (queries without a model, a last resort) goes on as before.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from csplade.pipelines.errors import UsageError
from csplade.pipelines.fold import Fold
from csplade.pipelines.model import SparseEncoderModel
from csplade.pipelines.pieces import Rank, piece_bytes
from csplade.pipelines.prune_kinds import Pruned
from csplade.pipelines.trained import Trained
from tokenizers import Tokenizer


def prune_terms(trained: Trained, kinds: Sequence[Pruned]) -> tuple[Trained, Mapping[Pruned, int]]:
    """Return an encoder without these terms, and how many of each kind they are.

    Raises:
        UsageError: its terms are no pieces, or nothing would be left.
    """
    if not kinds:
        return trained, {}
    if not trained.model.each_piece:
        raise UsageError("only pieces are pruned, and the terms of this model are whole words: leave out --prune")
    found = _kinds_of(trained.tokenizer, len(trained.terms))
    counts = {kind: sum(each is kind for each in found.values()) for kind in kinds}
    kept = [number for number in range(len(trained.terms)) if found.get(number) not in counts]
    if not kept:
        raise UsageError(f"without {', '.join(kinds)} no term would be left: prune less")
    return dataclasses.replace(trained, model=_with_rows(trained.model, trained.terms, kept)), counts


def _kinds_of(tokenizer: Tokenizer, size: int) -> dict[int, Pruned]:
    """Return the kind of each vocabulary id that has one."""
    pieces = piece_bytes(tokenizer)
    kinds = {}
    for number in range(size):
        rank, content = pieces.get(number, (None, b""))
        if rank is None:
            kinds[number] = Pruned.UNUSED
        elif rank is Rank.SPECIAL:
            kinds[number] = Pruned.SPECIAL
        elif rank is Rank.BYTE or _is_broken(content):
            kinds[number] = Pruned.BYTES
    return kinds


def _is_broken(content: bytes) -> bool:
    """Look whether the bytes are no whole letters."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


@torch.no_grad()
def _with_rows(model: SparseEncoderModel, terms: tuple[str, ...], kept: Collection[int]) -> SparseEncoderModel:
    """Return a model on the same backbone whose head has these rows only."""
    rows = np.array(list(kept), dtype=np.int64)
    groups = np.full((len(terms), 1), len(rows), dtype=np.int64)
    groups[rows, 0] = np.arange(len(rows))
    # Centred or not, the rows are what they are.
    plain = dataclasses.replace(model.options, centred=False)
    pruned = SparseEncoderModel(model.backbone, model.head, Fold(rows, terms, groups), plain)
    chosen = torch.from_numpy(rows)
    pruned.scale.copy_(model.scale[chosen])
    pruned.shift.copy_(model.shift[chosen])
    pruned.strength.copy_(model.strength)
    pruned.gate.load_state_dict(model.gate.state_dict())
    pruned.options = dataclasses.replace(pruned.options, centred=model.options.centred)
    return pruned.eval()
