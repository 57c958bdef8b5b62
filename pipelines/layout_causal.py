"""Published decoder-only sparse encoders: LACONIC and Lion, whole or as LoRA adapters; needs the extra [train].

Both make Llama's attention bidirectional and pool log(1 + relu(.)) of the head's logits over all tokens.

LACONIC (arXiv 2601.01684) reads `query: ` or `passage: ` before a text and no BOS: BOS draws attention, and its state
would be the same heavy terms in every vector. A text of which no term fires gets the piece that ends texts as its only
term. Lion (arXiv 2502.15526) reads the tokenizer's BOS and multiplies logits by width^(-1/4).
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from csplade.pipelines.attention import check_attention
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.backbone import load_language_model, load_tokenizer
from csplade.pipelines.errors import MissingExtraError, SourceError
from csplade.pipelines.fold import every_piece
from csplade.pipelines.json_object import read_object
from csplade.pipelines.layout_policy import LayoutPolicy, check_rows, plain, published_head
from csplade.pipelines.model import SparseEncoderModel
from csplade.pipelines.trained import About, Trained
from csplade.pipelines.training_options import ReadingOptions, TermSpace
from safetensors import safe_open
from tokenizers import Tokenizer, processors
from transformers import PreTrainedModel

ADAPTER_FILE = "adapter_config.json"
_ADAPTER_WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class Family:
    """How one family of models is read."""

    reading: ReadingOptions
    scale_power: float = 0.0
    """Logits are multiplied by width to this power."""


LACONIC = Family(
    ReadingOptions(
        attention=Attention.BIDIRECTIONAL,
        term_space=TermSpace.PIECES,
        bos=False,
        query_prefix="query: ",
        document_prefix="passage: ",
        query_tokens=256,
        document_tokens=256,
        query_terms=512,
        document_terms=512,
        last_resort=True,
    )
)
LION = Family(
    ReadingOptions(
        attention=Attention.BIDIRECTIONAL,
        term_space=TermSpace.PIECES,
        bos=True,
        query_tokens=192,
        document_tokens=192,
        query_terms=1024,
        document_terms=1024,
    ),
    scale_power=-0.25,
)


def read_causal(folder: Path, family: Family, policy: LayoutPolicy) -> Trained:
    """Open a model of a family.

    Raises:
        SourceError: it is incomplete, its base model or tokenizer is not there or does not match.
        UsageError: its architecture cannot be made bidirectional.
    """
    model, base = _model(folder, policy)
    check_attention(model.config.model_type, Attention.BIDIRECTIONAL)
    reading = policy.over(family.reading)
    tokenizer = plain(_tokenizer(folder, policy))
    with_bos(tokenizer, model.config.bos_token_id if reading.bos else None)
    head = model.get_output_embeddings().weight.detach()
    check_rows(tokenizer, len(head), str(folder))
    fold = every_piece(tokenizer)
    encoder = SparseEncoderModel(model.model, head, fold, published_head(reading))
    with torch.no_grad():
        encoder.scale.mul_(model.config.hidden_size**family.scale_power)
    about = About(policy.name or folder.name, base, "as copied", policy.licence or "")
    return Trained(encoder.eval(), tokenizer, reading, fold.terms, {}, 0.0, 0.0, about)


def with_bos(tokenizer: Tokenizer, bos_id: int | None) -> None:
    """Let the tokenizer put BOS before each text, or nothing at all.

    Raises:
        SourceError: the tokenizer has no piece of that id.
    """
    if bos_id is None:
        tokenizer.post_processor = None
        return
    bos = tokenizer.id_to_token(bos_id)
    if bos is None:
        raise SourceError(
            f"the tokenizer has no piece {bos_id}, the model's BOS: name the model's own with --tokenizer"
        )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=[f"{bos}:0", "$A:0"], special_tokens=[(bos, bos_id)]
    )


def _model(folder: Path, policy: LayoutPolicy) -> tuple[PreTrainedModel, str]:
    """Return the language model, adapter merged, and what it is called."""
    if not (folder / ADAPTER_FILE).is_file():
        return load_language_model(str(folder)), folder.name
    base = _base(folder, policy)
    try:
        model = load_language_model(base)
    except SourceError as error:
        raise SourceError(
            f"{folder} is an adapter on {base}, which cannot be read ({error}): name a copy of it with --base"
        ) from error
    return _merged(model, folder), Path(base).name if Path(base).is_dir() else base


def _merged(model: PreTrainedModel, folder: Path) -> PreTrainedModel:
    try:
        from peft import PeftModel, get_peft_model_state_dict
    except ModuleNotFoundError as error:
        raise MissingExtraError("peft", "train") from error
    try:
        with safe_open(folder / _ADAPTER_WEIGHTS, framework="pt") as file:
            given = set(file.keys())
        adapted = PeftModel.from_pretrained(model, str(folder))
    # peft and torch raise what they like for names and sizes that do not fit.
    except Exception as error:
        said = str(error).split("\n")[0]
        raise SourceError(f"the adapter in {folder} does not fit its base model ({said}): name it by --base") from error
    # What has no place would be left out, silently.
    lost = given ^ set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    if lost:
        raise SourceError(
            f"the adapter in {folder} does not fit its base model ({min(lost)} has no counterpart): name the base "
            "model it was trained on with --base"
        )
    merged: PreTrainedModel = adapted.merge_and_unload()
    return merged.eval()


def _tokenizer(folder: Path, policy: LayoutPolicy) -> Tokenizer:
    """Return the tokenizer that was named, else the model's, else its base model's."""
    if policy.tokenizer is not None:
        return load_tokenizer(str(policy.tokenizer))
    if (folder / "tokenizer.json").is_file():
        return load_tokenizer(str(folder))
    if not (folder / ADAPTER_FILE).is_file():
        raise SourceError(f"{folder} has no tokenizer.json: name a folder that has its tokenizer with --tokenizer")
    return load_tokenizer(_base(folder, policy))


def _base(folder: Path, policy: LayoutPolicy) -> str:
    return policy.base or str(read_object(folder / ADAPTER_FILE).get("base_model_name_or_path"))
