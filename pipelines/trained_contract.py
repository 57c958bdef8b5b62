"""A trained model -> the contract that its vectors keep, wherever they are computed; pure."""

from csplade.pipelines.contract import FORMAT_VERSION, MODEL_QUERIES, TABLE_QUERIES, Contract, Side
from csplade.pipelines.errors import UsageError
from csplade.pipelines.trained import Trained
from csplade.pipelines.training_options import QueryPath
from csplade.pipelines.vocab import CODEC_VERSION
from tokenizers import Tokenizer


def contract_of(trained: Trained) -> Contract:
    """Return the contract of the exact torch model: no files yet, no opset, nothing rounded.

    Raises:
        UsageError: as for `check_last_resort`.
    """
    reading, about, most = trained.reading, trained.about, len(trained.terms)
    first, last = added_around(trained.tokenizer)
    return Contract(
        name=about.name,
        format_version=FORMAT_VERSION,
        base_model=about.base_model,
        base_revision=about.base_revision,
        attention=reading.attention.value,
        add_bos=first,
        add_eos=last,
        lowercase=reading.lowercase,
        pooling="max",
        term_space=reading.term_space.value,
        key_codec=CODEC_VERSION,
        # A vocabulary may have gaps: what counts is how many rows its ids need.
        vocabulary_size=max(trained.tokenizer.get_vocab().values()) + 1,
        document=Side(reading.document_prefix, reading.document_tokens, min(reading.document_terms, most)),
        query=Side(reading.query_prefix, reading.query_tokens, min(reading.query_terms, most)),
        literal=trained.literal,
        quantization="none",
        opset=0,
        tolerance=0.0,
        expansion_tolerance=0.0,
        files={},
        licence=about.licence,
        training=about.training,
        query_path=MODEL_QUERIES if reading.query_path is QueryPath.MODEL else TABLE_QUERIES,
        last_resort=_last_resort(trained),
    )


def check_last_resort(trained: Trained) -> None:
    """Look, before long work, whether the contract can name its last resort.

    Raises:
        UsageError: the recipe asks for one, and no term is the piece that ends texts.
    """
    _last_resort(trained)


def added_around(tokenizer: Tokenizer) -> tuple[bool, bool]:
    """Look whether the tokenizer puts a token of its own before a text, and one behind it."""
    mask = tokenizer.encode("a").special_tokens_mask
    return bool(mask and mask[0]), len(mask) > 1 and bool(mask[-1])


def _last_resort(trained: Trained) -> str:
    """Return the term of a text of which no term fires, empty if there is to be none."""
    if not trained.reading.last_resort:
        return ""
    named = trained.model.config.eos_token_id
    found: int | None = named[0] if isinstance(named, list) else named
    if found is None or found >= len(trained.terms):
        said = "none" if found is None else f"{found}, which is no term"
        raise UsageError(
            f"reading.last_resort needs the piece that ends texts, and {trained.about.base_model} names {said}: set "
            "reading.last_resort=false"
        )
    return trained.terms[found]
