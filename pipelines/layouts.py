"""A trained model in whichever layout its makers chose; needs the extra [export].

What a folder is, is read from the files in it. LACONIC and Lion look alike there, so their names must be in the name of
the folder or of the base model, or be said.
"""

import dataclasses
from pathlib import Path

from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.json_object import read_object
from csplade.pipelines.layout_causal import ADAPTER_FILE, LACONIC, LION, read_causal
from csplade.pipelines.layout_kinds import Layout
from csplade.pipelines.layout_masked import query_table, read_masked
from csplade.pipelines.layout_policy import LayoutPolicy
from csplade.pipelines.layout_sparse_encoder import MODULES_FILE, read_sparse_encoder
from csplade.pipelines.trained import Trained
from csplade.pipelines.trained_folder import TRAINING_FILE, is_trained, read_trained

_TABLES = ("idf.json", "query_token_weights.txt")
_TRAINED_INSIDE = "model"
"""Where a run of `csplade train` keeps its result."""


def detect(folder: Path) -> Layout:
    """Return the layout of a folder.

    Raises:
        SourceError: none that is known; the message lists what was looked for.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder} is no folder: name the folder of a trained model")
    if is_trained(folder) or is_trained(folder / _TRAINED_INSIDE):
        return Layout.TRAINED
    if (folder / MODULES_FILE).is_file():
        return Layout.SPARSE_ENCODER
    if (folder / ADAPTER_FILE).is_file():
        return _named(folder, str(read_object(folder / ADAPTER_FILE).get("base_model_name_or_path")))
    if (folder / "config.json").is_file():
        config = read_object(folder / "config.json")
        if "MaskedLM" in str(config.get("architectures")):
            return Layout.SPLADE if _table(folder) is None else Layout.DOC_ONLY
        return _named(folder, str(config.get("_name_or_path")))
    raise SourceError(
        f"{folder} has no layout that csplade knows: looked for {TRAINING_FILE} (csplade train), {MODULES_FILE} "
        f"(sentence-transformers), {ADAPTER_FILE} (LoRA adapter) and config.json (transformers)"
    )


def read_layout(folder: Path, layout: Layout | None, policy: LayoutPolicy) -> Trained:
    """Open the model in a folder; without a layout it is detected.

    Raises:
        SourceError: the folder is incomplete, or holds what is not known.
        UsageError: a wish that the layout cannot fulfil.
    """
    found = layout or detect(folder)
    _check_wishes(found, policy)
    match found:
        case Layout.TRAINED:
            return _with_policy(read_trained(folder if is_trained(folder) else folder / _TRAINED_INSIDE), policy)
        case Layout.SPARSE_ENCODER:
            return read_sparse_encoder(folder, policy)
        case Layout.LACONIC | Layout.LION:
            return read_causal(folder, LACONIC if found is Layout.LACONIC else LION, policy)
        case Layout.SPLADE:
            return read_masked(folder, policy)
        case Layout.DOC_ONLY:
            return read_masked(folder, policy, _query_weights(folder))


def _check_wishes(layout: Layout, policy: LayoutPolicy) -> None:
    causal = layout in (Layout.LACONIC, Layout.LION)
    if policy.bos is not None and not causal:
        raise UsageError(f"the BOS of {layout.value} models is part of their tokenizer: leave out --bos and --no-bos")
    if policy.base is not None and not causal:
        raise UsageError(f"{layout.value} models are no adapters on a base model: leave out --base {policy.base}")
    if policy.tokenizer is not None and layout is Layout.TRAINED:
        raise UsageError(f"models of csplade train bring their tokenizer: leave out --tokenizer {policy.tokenizer}")


def _query_weights(folder: Path) -> dict[str, float]:
    table = _table(folder)
    if table is None:
        raise SourceError(f"{folder} has neither {' nor '.join(_TABLES)}: copy the whole model")
    return query_table(table)


def _table(folder: Path) -> Path | None:
    return next((folder / name for name in _TABLES if (folder / name).is_file()), None)


def _named(folder: Path, base: str) -> Layout:
    for layout in (Layout.LACONIC, Layout.LION):
        if any(layout.value in name.lower() for name in (folder.resolve().name, Path(base).name)):
            return layout
    raise SourceError(
        f"{folder} holds a causal language model or adapter, and neither its name nor its base model ({base}) tells "
        "which: say --layout laconic or --layout lion"
    )


def _with_policy(trained: Trained, policy: LayoutPolicy) -> Trained:
    reading, about = policy.over(trained.reading), trained.about
    named = dataclasses.replace(about, name=policy.name or about.name, licence=policy.licence or about.licence)
    trained.model.keep(reading.document_terms, reading.query_terms)
    return dataclasses.replace(trained, reading=reading, about=named)
