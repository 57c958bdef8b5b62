"""Where a training starts: a language model becomes an untrained sparse encoder, a trained one is read anew."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import torch
from csplade.pipelines.attention import check_attention
from csplade.pipelines.backbone import open_language_model
from csplade.pipelines.batches import Collator, TextBatch
from csplade.pipelines.broad_text import TextStatistics, count_terms, distinct
from csplade.pipelines.errors import UsageError
from csplade.pipelines.fold import Fold, every_piece, fold_vocabulary
from csplade.pipelines.model import HeadOptions, SparseEncoderModel
from csplade.pipelines.pooling import max_pool
from csplade.pipelines.trained import About, Trained
from csplade.pipelines.trained_contract import check_last_resort
from csplade.pipelines.training_options import ReadingOptions, Recipe, StartOptions, TermSpace
from tokenizers import Tokenizer, normalizers, processors
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

_CALIBRATION_TEXTS = 400
_CALIBRATION_BATCH = 16
_LEAST_DEVIATION = 1e-3
"""Of a row's pooled logits; rows of unused pieces hardly move, and would fire at nothing."""


@dataclass(frozen=True)
class Opened:
    """A language model, ready to become an encoder."""

    name: str
    """As the user named it."""
    model: PreTrainedModel
    tokenizer: Tokenizer
    """As its texts will be read."""
    bos_id: int | None


def open_backbone(spec: str, reading: ReadingOptions) -> Opened:
    """Open a language model and set its tokenizer up to read texts as the options say.

    Raises:
        SourceError: there is no such model.
        UsageError: it cannot have the attention, or BOS is asked of a tokenizer without one.
    """
    model, tokenizer = open_language_model(spec)
    check_attention(model.config.model_type, reading.attention)
    bos = bos_of(tokenizer, spec) if reading.bos else None
    ready = reading_tokenizer(tokenizer.backend_tokenizer, reading, bos)
    return Opened(spec, model, ready, None if bos is None else bos[1])


def begin(
    opened: Opened, recipe: Recipe, documents: Sequence[str], idf: tuple[Mapping[str, float], float] | None = None
) -> Trained:
    """Return the untrained encoder; over documents of the training it is calibrated and its idf is counted.

    `idf`, a table with the value of terms that are not in it, is taken instead if given. Where terms are pieces, the
    encoder's table has all of them, so that queries can be weighed by it alone.

    Raises:
        UsageError: no piece of the vocabulary can be a term, or none ends texts where one has to.
    """
    reading, texts = recipe.reading, distinct(documents)
    fold = _fold(opened, reading)
    statistics = _statistics(count_terms(texts, reading, opened.tokenizer, fold.terms), idf)
    if reading.term_space is TermSpace.PIECES:
        statistics = _of_all(statistics, fold.terms)
    options = HeadOptions(
        opened.bos_id,
        reading.document_terms,
        reading.query_terms,
        recipe.start.strength,
        reading.attention,
        recipe.start.centred,
        reading.literal_residual,
    )
    head = opened.model.get_output_embeddings()
    model = SparseEncoderModel(opened.model.base_model, head.weight, fold, options)
    about = About(opened.name, opened.name, getattr(opened.model.config, "_commit_hash", None) or "")
    started = Trained(
        model,
        opened.tokenizer,
        reading,
        fold.terms,
        statistics.idf,
        statistics.default_idf,
        statistics.average_words,
        about,
    )
    check_last_resort(started)
    bias = None if head.bias is None else head.bias.detach()[torch.from_numpy(fold.pieces)]
    _set_head(started, recipe.start, bias, texts[:: 1 + (len(texts) - 1) // _CALIBRATION_TEXTS])
    return started


def continued(trained: Trained, reading: ReadingOptions) -> Trained:
    """Return a trained encoder that reads texts by other lengths, prefixes, attention and numbers of terms.

    Raises:
        UsageError: the options would change what a token or a term is.
    """
    for name in ("term_space", "lowercase", "bos", "analysis", "literal_residual"):
        before, asked = getattr(trained.reading, name), getattr(reading, name)
        if before != asked:
            raise UsageError(
                f"the model was trained with reading.{name} = {before!s} and the recipe has {asked!s}: keep it, or "
                "begin with a language model"
            )
    model = trained.model
    check_attention(model.config.model_type, reading.attention)
    model.keep(reading.document_terms, reading.query_terms)
    model.options = dataclasses.replace(model.options, attention=reading.attention)
    read = dataclasses.replace(trained, reading=reading)
    check_last_resort(read)
    return read


def bos_of(tokenizer: PreTrainedTokenizerFast, spec: str) -> tuple[str, int]:
    """Return the piece and the id of BOS.

    Raises:
        UsageError: the tokenizer has none.
    """
    if tokenizer.bos_token is None or tokenizer.bos_token_id is None:
        raise UsageError(f"the tokenizer of {spec} has no BOS: set reading.bos=false")
    return tokenizer.bos_token, tokenizer.bos_token_id


def reading_tokenizer(tokenizer: Tokenizer, reading: ReadingOptions, bos: tuple[str, int] | None) -> Tokenizer:
    """Return a copy that puts BOS, if given, and nothing else around a text, and neither pads nor truncates.

    In the term space `words` the first word of a text becomes the same piece as in its middle. A special token that a
    text, or a prefix, spells out is read as the letters it is.
    """
    described: dict[str, Any] = orjson.loads(tokenizer.to_str())  # Any: a JSON object
    _unmark_special(described)
    described["post_processor"] = None
    ready = Tokenizer.from_str(orjson.dumps(described).decode())
    ready.no_padding()
    ready.no_truncation()
    steps = [normalizers.Lowercase()] if reading.lowercase else []
    if reading.term_space is TermSpace.WORDS and not _begins_with_space(ready):
        steps.append(normalizers.Prepend(" "))
    if steps:
        ready.normalizer = normalizers.Sequence([*steps, *([ready.normalizer] if ready.normalizer else [])])
    if bos is not None:
        ready.post_processor = processors.TemplateProcessing(single=f"{bos[0]} $A", special_tokens=[bos])
    return ready


@torch.no_grad()
def pooled_statistics(trained: Trained, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each row's pooled logit over texts: (pieces,), (pieces,)."""
    collate = Collator(trained.tokenizer, trained.reading, trained.terms, trained.idf, trained.default_idf)
    trained.model.eval()
    pooled = [
        _pooled(trained.model, collate.documents(texts[begin : begin + _CALIBRATION_BATCH], {}))
        for begin in range(0, len(texts), _CALIBRATION_BATCH)
    ]
    rows = torch.cat(pooled)  # (texts, pieces)
    return rows.mean(dim=0), rows.std(dim=0, correction=0).clamp(min=_LEAST_DEVIATION)


def _pooled(model: SparseEncoderModel, texts: TextBatch) -> Tensor:
    hidden, counted = model.read(texts.ids, texts.mask)
    return max_pool(hidden, model.head, counted)


def _set_head(started: Trained, start: StartOptions, bias: Tensor | None, texts: Sequence[str]) -> None:
    """Calibrate the rows, or scale their logits; `bias` is what the language model adds to each: (pieces,)."""
    if start.calibrate:
        # A row's bias is in its mean as well, so that the calibration takes it away.
        mean, deviation = pooled_statistics(started, texts)
        started.model.calibrate(mean, deviation, start.threshold)
    else:
        with torch.no_grad():
            started.model.scale.fill_(start.logit_scale)
            if bias is not None:
                started.model.shift.copy_(start.logit_scale * bias)


def _statistics(counted: TextStatistics, idf: tuple[Mapping[str, float], float] | None) -> TextStatistics:
    return counted if idf is None else TextStatistics(idf[0], idf[1], counted.average_words)


def _of_all(statistics: TextStatistics, terms: Sequence[str]) -> TextStatistics:
    """Let the table have each term: a contract without a literal path has no idf for those that it leaves out."""
    idf = {term: statistics.idf.get(term, statistics.default_idf) for term in terms}
    return dataclasses.replace(statistics, idf=idf)


def _fold(opened: Opened, reading: ReadingOptions) -> Fold:
    if reading.term_space is TermSpace.PIECES:
        return every_piece(opened.tokenizer)
    fold = fold_vocabulary(opened.tokenizer, reading.analysis)
    if not fold.terms:
        raise UsageError(f"no piece of the vocabulary of {opened.name} is a whole word: set reading.term_space=pieces")
    return fold


def _unmark_special(described: dict[str, Any]) -> None:  # Any: a JSON object
    """Let a tokenizer find no special tokens in texts; every piece keeps its id.

    A Unigram vocabulary holds them as pieces like all others, so that those stay as they are.
    """
    vocabulary, added = described["model"]["vocab"], described["added_tokens"]
    if isinstance(vocabulary, dict):
        # Behind the model's pieces the tokenizer would count anew, without those that go.
        vocabulary.update({token["content"]: token["id"] for token in added})
        described["added_tokens"] = [token for token in added if not token["special"]]


def _begins_with_space(tokenizer: Tokenizer) -> bool:
    """Look whether the tokenizer itself puts a space before a text."""
    alone, inside = (tokenizer.encode(text, add_special_tokens=False).tokens for text in ("a", "a a"))
    begun: bool = alone == inside[-len(alone) :]
    return begun
