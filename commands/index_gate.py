"""The comparison before a swap: its options, the queries, and each side's encoder."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from csplade.commands.options import gathered
from csplade.commands.own_documents import find_own_documents
from csplade.commands.search_options import MODES, for_index
from csplade.integration.errors import IndexConflictError
from csplade.integration.planner import FieldWeight
from csplade.integration.query import Mode, QueryOptions, Question
from csplade.pipelines.errors import UsageError

if TYPE_CHECKING:
    from csplade.integration.lifecycle import Switch
    from csplade.integration.lifecycle_gate import Comparison
    from csplade.pipelines.evaluate import Collection
    from opensearchpy import OpenSearch

_PATH = click.Path(path_type=Path)
_OPTIONS = (
    click.option("--counts-only", is_flag=True, help="Compare the numbers of documents, and ask no query."),
    click.option(
        "--count-difference",
        default=0,
        show_default=True,
        type=click.IntRange(min=0),
        metavar="N",
        help="Documents that the new index may have more or fewer.",
    ),
    click.option(
        "--least-overlap",
        default=0.5,
        show_default=True,
        type=click.FloatRange(0, 1),
        help="Share of a query's 10 best hits that both indexes must find, on average.",
    ),
    click.option(
        "--margin",
        default=0.01,
        show_default=True,
        type=click.FloatRange(0, 1),
        help="By how much nDCG@10 of the new index may be lower.",
    ),
    click.option(
        "--collection",
        default=None,
        type=_PATH,
        metavar="BEIR_FOLDER",
        help="Judged queries: queries.jsonl and qrels/test.tsv. Default: titles of documents, without judgments.",
    ),
    click.option(
        "--live-encoder",
        default=None,
        type=_PATH,
        metavar="FOLDER",
        help="The encoder folder of the live index. Default: the same as --encoder.",
    ),
    click.option(
        "--mode", default="sparse", show_default=True, type=click.Choice(MODES), help="How the new index is asked."
    ),
    click.option(
        "--live-mode",
        default=None,
        type=click.Choice(MODES),
        help="How the live index is asked. Default: the same; bm25 for an index that csplade did not make.",
    ),
)


@dataclass(frozen=True)
class GateChoices:
    """What a user chose."""

    counts_only: bool
    count_difference: int
    least_overlap: float
    margin: float
    collection: Path | None
    live_encoder: Path | None
    mode: str
    live_mode: str | None


gate_options = gathered("gate", GateChoices, _OPTIONS)
"""Adds the options; the command gets all of them as one `gate`."""


def pass_gate(
    client: "OpenSearch", switch: "Switch", choices: GateChoices, encoder_folder: Path
) -> "tuple[Comparison | None, tuple[str, ...]]":
    """Compare the two sides of a swap; return what was found, None without a live side, and why it must not be.

    Raises:
        UsageError: the live index needs an encoder of its own, or there are no queries.
        IndexConflictError: the new index was made with another encoder, or not by csplade and is asked by terms.
        ClusterError: the cluster does not answer in full.
    """
    from csplade.integration.lifecycle_gate import GateOptions, count_both, faults

    if switch.old is None:
        return None, ()
    options = GateOptions(choices.count_difference, choices.least_overlap, choices.margin)
    live, new = switch.old.index, switch.new
    if choices.counts_only:
        found = count_both(client, live, new)
        return found, faults(found, options)
    if not switch.ours and Mode(choices.mode).needs_vector:
        raise IndexConflictError(
            f"the index {new!r} was not made by csplade, so that it cannot be asked by terms: compare it by words with "
            "--mode bm25, or only count with --counts-only"
        )
    found = _compared(client, live, new, choices, encoder_folder)
    return found, faults(found, options)


@dataclass(frozen=True)
class _Asked:
    """One of the two indexes, and how it is asked."""

    index: str
    mapping: Mapping[str, Any]  # Any: a JSON object
    mode: Mode
    folder: Path
    """The encoder's, if its mode needs one."""


def _compared(client: "OpenSearch", live: str, new: str, choices: GateChoices, folder: Path) -> "Comparison":
    """Ask both indexes, whose mappings are read once for all that depends on them."""
    from csplade.integration.index_mapping import mapping_of
    from csplade.integration.lifecycle_gate import Side, compare

    theirs, ours = mapping_of(client, live)[1], mapping_of(client, new)[1]
    both = (
        _Asked(live, theirs, *_live_way(live, theirs, choices, folder)),
        _Asked(new, ours, Mode(choices.mode), folder),
    )
    copied = _copied_fields(ours, theirs)
    ready = [_options(client, each, copied) for each in both]
    judged = _judged(client, (live, new), choices.collection)
    queries = _titles(client, both[0], copied) if judged is None else list(judged.queries.values())
    folders = [each.folder if each.mode.needs_vector else None for each in both]
    # Of one encoder for both, which is usual, the vectors are computed once.
    questions = {each: _questions(queries, each) for each in dict.fromkeys(folders)}
    live_side, new_side = (
        Side(each.index, options, questions[folder]) for each, options, folder in zip(both, ready, folders, strict=True)
    )
    return compare(client, live_side, new_side, judged)


def _live_way(live: str, mapping: Mapping[str, Any], choices: GateChoices, folder: Path) -> tuple[Mode, Path]:
    """Return how the live index is asked, and with which encoder."""
    from csplade.integration.index_mapping import our_meta
    from csplade.pipelines.contract import read_contract

    ours = our_meta(mapping)
    mode = Mode(choices.live_mode or (choices.mode if ours else Mode.BM25))
    if not mode.needs_vector or choices.live_encoder is not None:
        return mode, choices.live_encoder or folder
    if ours.get("fingerprint") != read_contract(folder).fingerprint:
        raise UsageError(
            f"the live index {live!r} was made with the encoder {ours.get('encoder')!r} (fingerprint "
            f"{ours.get('fingerprint')}): name that encoder's folder with --live-encoder, ask it with --live-mode "
            "bm25, or compare with --counts-only"
        )
    return mode, folder


def _copied_fields(*mappings: Mapping[str, Any]) -> tuple[str, ...]:  # Any: JSON objects
    """Return where an index of others has what stands in the `text` of csplade's; nothing where that is `text` too."""
    from csplade.integration.templates import TEXT_FIELD
    from csplade.integration.text_fields import recorded_fields

    found = map(recorded_fields, mappings)
    known = next((fields for fields in found if fields is not None), ())
    return () if TEXT_FIELD in known else known


def _options(client: "OpenSearch", side: _Asked, copied: tuple[str, ...]) -> QueryOptions:
    """Check the index and return how it is asked; of others by words in the fields that were copied."""
    from csplade.integration.index_mapping import our_meta
    from csplade.pipelines.contract import read_contract

    asked = QueryOptions(side.mode)
    if not side.mode.needs_vector and not our_meta(side.mapping):
        words = tuple(map(FieldWeight, copied)) or asked.plan.text_fields
        return replace(asked, plan=replace(asked.plan, text_fields=words))
    contract = read_contract(side.folder) if side.mode.needs_vector else None
    return for_index(client, side.index, [asked], contract)[0]


def _judged(client: "OpenSearch", indexes: tuple[str, str], folder: Path | None) -> "Collection | None":
    """Return the judged queries, None if there are none."""
    from csplade.integration.refresh import refresh
    from csplade.pipelines.evaluate import read_collection, require_ir_measures

    if folder is None:
        return None
    require_ir_measures()
    for index in indexes:
        # A query that was written a moment ago will be found by itself as well.
        refresh(client, index)
    return find_own_documents(client, indexes, read_collection(folder))


def _titles(client: "OpenSearch", live: _Asked, copied: tuple[str, ...]) -> list[str]:
    """Return titles or texts of the live index, to ask for where no queries are named."""
    from csplade.integration.index_mapping import our_meta
    from csplade.integration.sample import sample_titles

    usual = our_meta(live.mapping) or not copied
    texts = sample_titles(client, live.index) if usual else sample_titles(client, live.index, copied)
    if not texts:
        raise UsageError(
            f"the live index {live.index!r} has no titles or texts to ask for: name queries with --collection, or "
            "compare with --counts-only"
        )
    return texts


def _questions(texts: list[str], folder: Path | None) -> list[Question]:
    """Return the texts as questions, with the vectors of an encoder if there is one."""
    if folder is None:
        return [Question(text) for text in texts]
    from csplade.pipelines.encode import Encoder

    vectors = Encoder.open(folder).queries(texts)
    return [Question(text, vector) for text, vector in zip(texts, vectors, strict=True)]
