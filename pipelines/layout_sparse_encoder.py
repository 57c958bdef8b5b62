"""Folders of sentence-transformers' SparseEncoder, plain or inference-free; needs the extra [export].

`modules.json` names a masked language model and its SPLADE pooling, or a router whose documents go that way and whose
queries look their pieces up in a SparseStaticEmbedding.
"""

import dataclasses
import json
from pathlib import Path

from csplade.pipelines.backbone import load_tokenizer
from csplade.pipelines.errors import SourceError
from csplade.pipelines.json_object import read_object
from csplade.pipelines.layout_masked import query_table, read_masked
from csplade.pipelines.layout_policy import LayoutPolicy
from csplade.pipelines.trained import Trained
from safetensors.torch import load_file

MODULES_FILE = "modules.json"
_MASKED = ("MLMTransformer", "Transformer")
_Modules = list[tuple[str, Path]]
"""Class name and folder."""


def read_sparse_encoder(folder: Path, policy: LayoutPolicy) -> Trained:
    """Open such a folder.

    Raises:
        SourceError: it is incomplete, or has modules of which no encoder can be made.
        UsageError: its architecture is not known to read a text as it must.
    """
    documents, queries = _routes(folder)
    if [kind for kind, _ in documents] not in [[masked, "SpladePooling"] for masked in _MASKED]:
        raise _refused(folder, documents)
    (_, model), (_, pooling) = documents
    settings = read_object(pooling / "config.json")
    if settings.get("pooling_strategy", "max") != "max":
        raise SourceError(
            f"{folder} pools by {settings['pooling_strategy']}, csplade by max only: choose another model"
        )
    table = None if queries == documents else _table(folder, queries)
    twice = settings.get("activation_function", "relu") == "log1p_relu"
    return read_masked(model, _named(policy, folder), table, twice, _prompts(folder), _limit(model))


def _routes(folder: Path) -> tuple[_Modules, _Modules]:
    """Return the modules for documents and for queries."""
    modules = _modules(folder)
    if [kind for kind, _ in modules] != ["Router"]:
        return modules, modules
    place = modules[0][1]
    router = read_object(place / "router_config.json")
    types, structure = router.get("types"), router.get("structure")
    if not isinstance(types, dict) or not isinstance(structure, dict) or not {"query", "document"} <= structure.keys():
        raise SourceError(f"{place / 'router_config.json'} has no routes for query and document: copy the model again")
    documents, queries = (
        [(str(types[name]).rpartition(".")[2], place / name) for name in structure[side]]
        for side in ("document", "query")
    )
    return documents, queries


def _modules(folder: Path) -> _Modules:
    path = folder / MODULES_FILE
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        return [(str(one["type"]).rpartition(".")[2], folder / one["path"]) for one in listed]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path} cannot be read ({error}): copy the model again") from error


def _table(folder: Path, queries: _Modules) -> dict[str, float]:
    """Return the weights of inference-free queries by vocabulary piece."""
    if [kind for kind, _ in queries] != ["SparseStaticEmbedding"]:
        raise _refused(folder, queries)
    place = queries[0][1]
    named = str(read_object(place / "config.json").get("path", ""))
    if named.endswith(".json"):
        found = [path for path in (place / named, folder / Path(named).name) if path.is_file()]
        if not found:
            raise SourceError(f"{place} names {named}, which is not there: copy the whole model")
        return query_table(found[0])
    weights = load_file(place / "model.safetensors")["weight"].tolist()
    numbers = load_tokenizer(str(place)).get_vocab()
    return {piece: weights[number] for piece, number in numbers.items() if number < len(weights) and weights[number]}


def _prompts(folder: Path) -> tuple[str, str]:
    path = folder / "config_sentence_transformers.json"
    prompts = read_object(path).get("prompts") if path.is_file() else None
    found = prompts if isinstance(prompts, dict) else {}
    return str(found.get("query") or ""), str(found.get("document") or "")


def _limit(model: Path) -> int | None:
    """Return how many tokens the library reads of a text, None where only the tokenizer says so."""
    path = model / "sentence_bert_config.json"
    found = read_object(path).get("max_seq_length") if path.is_file() else None
    if found is not None and (not isinstance(found, int) or found < 1):
        raise SourceError(f"max_seq_length is {found!r} in {path}, no number of tokens: copy the model again")
    return found


def _named(policy: LayoutPolicy, folder: Path) -> LayoutPolicy:
    return policy if policy.name else dataclasses.replace(policy, name=folder.name)


def _refused(folder: Path, modules: _Modules) -> SourceError:
    kinds = ", ".join(kind for kind, _ in modules) or "nothing"
    return SourceError(
        f"{folder} reads texts by {kinds}; csplade knows MLMTransformer with SpladePooling, and SparseStaticEmbedding "
        "for queries: choose such a model"
    )
