"""SPLADE-style masked language models (BERT and its like) as sparse encoders; needs the extra [export].

    log(1 + relu(max_i (e_v . t(h_i) + b_v)))    over all tokens, [CLS] and [SEP] too

with t the transform of the masked-language-model head, e and b its decoder's rows and bias.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace

import torch
from csplade.pipelines.attention import check_attention
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.backbone import load_tokenizer
from csplade.pipelines.errors import SourceError
from csplade.pipelines.fold import every_piece
from csplade.pipelines.json_object import read_object
from csplade.pipelines.layout_policy import LayoutPolicy, check_rows, plain, published_head
from csplade.pipelines.model import SparseEncoderModel
from csplade.pipelines.trained import About, Trained
from csplade.pipelines.training_options import QueryPath, ReadingOptions, TermSpace
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModelForMaskedLM, AutoTokenizer, PretrainedConfig, PreTrainedModel

_TERMS = 1024
"""More than such models give a text: published encoders do not cut."""
_TOKENS = 512


class _NoDecoder(nn.Identity):
    """Lets states through; some models ask their decoder for its bias."""

    bias = None


class MaskedStates(nn.Module):
    """A masked language model as a backbone: its state is that behind the transform of its head."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        # Without its decoder, what the model calls logits are the transformed states.
        model.set_output_embeddings(_NoDecoder())
        self.model = model
        self.config = model.config

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        """Return the states as `last_hidden_state`: (batch, length), (batch, length) -> (batch, length, width)."""
        return SimpleNamespace(last_hidden_state=self.model(input_ids=input_ids, attention_mask=attention_mask).logits)


def read_masked(
    folder: Path,
    policy: LayoutPolicy,
    table: Mapping[str, float] | None = None,
    log_twice: bool = False,
    prefixes: tuple[str, str] = ("", ""),
    limit: int | None = None,
) -> Trained:
    """Open a masked language model.

    Args:
        folder: as transformers saves it, with tokenizer.
        policy: wishes against what is implied.
        table: weights of inference-free queries by vocabulary piece; None lets the model read queries.
        log_twice: take the logarithm twice.
        prefixes: of queries and of documents.
        limit: tokens of a text at most, if the folder says so beside its tokenizer.

    Raises:
        SourceError: it is none, incomplete, or its tokenizer does not match.
        UsageError: its architecture is not known to read a text as it must.
    """
    model = _load(folder)
    check_attention(model.config.model_type, Attention.BIDIRECTIONAL)
    source = policy.tokenizer or folder
    tokenizer = plain(load_tokenizer(str(source)))
    own = AutoTokenizer.from_pretrained(str(source)).model_max_length
    longest = min(_TOKENS, _positions(model.config), own, limit or own)
    reading = policy.over(
        ReadingOptions(
            attention=Attention.BIDIRECTIONAL,
            term_space=TermSpace.PIECES,
            query_prefix=prefixes[0],
            document_prefix=prefixes[1],
            query_tokens=longest,
            document_tokens=longest,
            query_terms=_TERMS,
            document_terms=_TERMS,
            query_path=QueryPath.MODEL if table is None else QueryPath.IDF,
        )
    )
    encoder, terms = _encoder(model, tokenizer, reading, log_twice, str(folder))
    weights = {} if table is None else _by_term(table, tokenizer, terms, folder)
    named = model.config.name_or_path or folder.name
    about = About(policy.name or folder.name, Path(named).name, "as copied", policy.licence or "")
    return Trained(encoder, tokenizer, reading, terms, weights, 0.0, 0.0, about)


def query_table(path: Path) -> dict[str, float]:
    """Read OpenSearch's weights by piece: `idf.json`, an object, or `query_token_weights.txt`, a tab on each line.

    Raises:
        SourceError: it is neither, or cannot be read.
    """
    try:
        pairs = read_object(path).items() if path.suffix == ".json" else _tabbed(path.read_bytes().decode())
        return {piece: float(str(weight)) for piece, weight in pairs}
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} is no table of weights by piece ({error}): copy the model again") from error


def _tabbed(text: str) -> Iterable[tuple[str, str]]:
    # Not by `splitlines`, which knows line ends that a piece may hold.
    for line in text.removesuffix("\n").split("\n"):
        piece, _, weight = line.rpartition("\t")
        yield piece, weight


def _load(folder: Path) -> PreTrainedModel:
    try:
        model, report = AutoModelForMaskedLM.from_pretrained(
            str(folder), dtype=torch.float32, attn_implementation="eager", output_loading_info=True
        )
    except (OSError, ValueError) as error:
        raise SourceError(f"no masked language model can be read from {folder} ({error}): check the folder") from error
    if report["missing_keys"]:
        lacking = ", ".join(sorted(report["missing_keys"])[:3])
        raise SourceError(f"{folder} lacks weights of its language model ({lacking}): copy the whole model")
    found: PreTrainedModel = model.eval()
    return found


def _encoder(
    model: PreTrainedModel, tokenizer: Tokenizer, reading: ReadingOptions, log_twice: bool, source: str
) -> tuple[SparseEncoderModel, tuple[str, ...]]:
    decoder = model.get_output_embeddings()
    rows = decoder.weight.detach()
    check_rows(tokenizer, len(rows), source)
    fold = every_piece(tokenizer)
    encoder = SparseEncoderModel(MaskedStates(model), rows, fold, published_head(reading, log_twice))
    with torch.no_grad():
        if decoder.bias is not None:
            encoder.shift.copy_(decoder.bias[: len(fold.terms)])
    return encoder.eval(), fold.terms


def _by_term(
    table: Mapping[str, float], tokenizer: Tokenizer, terms: tuple[str, ...], folder: Path
) -> dict[str, float]:
    numbers = tokenizer.get_vocab()
    unknown = [piece for piece in table if piece not in numbers]
    if unknown:
        raise SourceError(
            f"the query weights of {folder} name {unknown[0]!r}, which its tokenizer has not: they do not belong "
            "together, copy the model again"
        )
    return {terms[numbers[piece]]: weight for piece, weight in table.items()}


def _positions(config: PretrainedConfig) -> int:
    padding = config.pad_token_id + 1 if config.model_type in ("roberta", "xlm-roberta") else 0
    return int(config.max_position_embeddings) - padding
