"""Questions to the cluster, hits back: one question with what a person wants to see, or many with ids and scores.

What the cluster answers is whole, or an error, see `answers`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress, islice
from typing import Any, TypeVar

from csplade.integration.answers import ask, ask_many, count_documents, hits_of
from csplade.integration.encoded_text import joined
from csplade.integration.explain import Contribution, Origin, contributions
from csplade.integration.fusion import Fused, fuse
from csplade.integration.planner import Fusion, Total
from csplade.integration.query import Mode, QueryOptions, Question, planned
from csplade.integration.searches import Search, build_searches, by_ids, falls_short, in_one_phase, ranked, shown
from csplade.integration.snippet import best_snippet, one_line, words_of
from csplade.integration.templates import PASSAGES_FIELD, TEXT_FIELD, TITLE_FIELD
from csplade.pipelines.errors import UsageError
from csplade.pipelines.vocab import readable
from opensearchpy import OpenSearch

_SEARCHES_PER_REQUEST = 50
_IDS_PER_REQUEST = 1000
# Whole texts come back, which may be long.
_TEXTS_PER_REQUEST = 200

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found."""

    rank: int
    """From 1."""
    id: str
    score: float
    title: str | None
    snippet: str
    contributions: tuple[Contribution, ...] | None = None
    """What adds up to the score; None if it was not asked for."""
    passage: str | None = None
    """The part of the text whose terms score best; None if the index holds no passages, or only BM25 found it."""
    source: Mapping[str, Any] | None = None  # Any: a JSON object
    """The document without its weights; None if it was not asked for."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A document that was found, without what a person wants to see."""

    id: str
    score: float


@dataclass(frozen=True, slots=True)
class Page:
    """The best hits, and how many documents match."""

    hits: tuple[Hit, ...] = ()
    total: int | None = None
    """None: it was not counted."""
    exact: bool = True
    """Whether no more than `total` match."""


def search(
    client: OpenSearch, index: str, question: Question, options: QueryOptions, size: int = 10, explain: bool = False
) -> tuple[Hit, ...]:
    """Return the best `size` hits; none, without asking, for a question that holds nothing.

    Where heavy terms alone find fewer, and nobody chose two phases, all terms are asked.

    Raises:
        UsageError: the question has more clauses than the cluster takes, or the cluster lacks what the options want.
        ClusterError: the cluster does not answer in full.
    """
    return search_page(client, index, question, options, size, explain).hits


def search_page(
    client: OpenSearch,
    index: str,
    question: Question,
    options: QueryOptions,
    size: int = 10,
    explain: bool = False,
    whole: bool = False,
) -> Page:
    """Return the same as `search`, with the total that the options ask for, and if `whole` with the documents.

    Raises:
        UsageError, ClusterError: as `search`.
    """
    if explain and options.fusion is Fusion.SERVER:
        raise UsageError(
            "the cluster's hybrid query explains scores from before they were normalized: explain with another fusion"
        )
    searches = build_searches(question, options, size)
    if not searches:
        return Page(total=None if options.plan.total is Total.NONE else 0)
    answers = [ask(client, index, shown(one.body, explain, whole), options.mode) for one in searches]
    if any(falls_short(one, options, len(found)) for one, (found, _) in zip(searches, answers, strict=True)):
        return search_page(client, index, question, in_one_phase(options), size, explain, whole)
    terms = _marks(question, options)
    if options.fusion is Fusion.RRF:
        rankings = [found for found, _ in answers]
        fused = _fuse([list(map(_scored, found)) for found in rankings], searches, options)[:size]
        # The first ranking, by terms, knows the best passage.
        documents = {one["_id"]: one for found in reversed(rankings) for one in found}
        modes = [one.mode for one in searches] if explain else None
        return Page(tuple(_fused_hit(rank, one, documents, terms, modes, whole) for rank, one in enumerate(fused, 1)))
    ((found, total),) = answers
    hits = tuple(_hit(rank, one, terms, whole) for rank, one in enumerate(found[:size], 1))
    return Page(hits, *((None,) if total is None else (total["value"], total["relation"] == "eq")))


def search_many(
    client: OpenSearch, index: str, questions: Iterable[Question], options: QueryOptions, size: int
) -> Iterator[tuple[Scored, ...]]:
    """Return the best `size` ids of each question, lazily and in order, as `search` finds them.

    Raises:
        UsageError: a question has more clauses than the cluster takes, or the cluster lacks what the options want.
        ClusterError: the cluster does not answer one of them in full.
    """
    for group in groups(questions, _SEARCHES_PER_REQUEST):
        asked = [build_searches(question, options, size) for question in group]
        answers = iter(ask_many(client, index, [ranked(one.body) for searches in asked for one in searches]))
        found = [[tuple(map(_scored, hits_of(next(answers), options.mode))) for _ in searches] for searches in asked]
        short = [
            any(falls_short(one, options, len(hits)) for one, hits in zip(searches, rankings, strict=True))
            for searches, rankings in zip(asked, found, strict=True)
        ]
        again = search_many(client, index, compress(group, short), in_one_phase(options), size)
        for searches, rankings, too_few in zip(asked, found, short, strict=True):
            yield next(again) if too_few else _best(rankings, searches, options)[:size]


def _best(
    rankings: Sequence[Sequence[Scored]], searches: Sequence[Search], options: QueryOptions
) -> tuple[Scored, ...]:
    if options.fusion is Fusion.RRF:
        return tuple(Scored(one.id, one.score) for one in _fuse(rankings, searches, options))
    return tuple(rankings[0]) if rankings else ()


def count_known(client: OpenSearch, index: str, ids: Collection[str]) -> int:
    """Return how many of the ids the index holds.

    Raises:
        ClusterError: the cluster does not answer in full.
    """
    parts = groups(sorted(ids), _IDS_PER_REQUEST)
    return sum(count_documents(client, index, {"ids": {"values": part}}) for part in parts)


def texts_of(client: OpenSearch, index: str, ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return title and text by id of the documents that the index holds; empty where a document has none.

    Raises:
        ClusterError: the cluster does not answer in full.
    """
    texts: dict[str, tuple[str, str]] = {}
    for group in groups(sorted(ids), _TEXTS_PER_REQUEST):
        found_all, _ = ask(client, index, shown(by_ids(group)), Mode.BM25)
        for found in found_all:
            source = found.get("_source") or {}
            texts[found["_id"]] = (joined(source, [TITLE_FIELD]), joined(source, [TEXT_FIELD]))
    return texts


def groups(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """Cut items into lists of at most `size`, lazily."""
    rest = iter(items)
    while group := list(islice(rest, size)):
        yield group


def _fuse(rankings: Sequence[Sequence[Scored]], searches: Sequence[Search], options: QueryOptions) -> list[Fused]:
    # Of equal scores, the cluster's order differs from copy to copy of a shard.
    ordered = [[hit.id for hit in sorted(hits, key=lambda hit: (-hit.score, hit.id))] for hits in rankings]
    return fuse(ordered, [search.weight for search in searches], options.plan.rank_constant)


def _fused_hit(
    rank: int,
    fused: Fused,
    documents: Mapping[str, Mapping[str, Any]],  # Any: JSON objects
    terms: Mapping[str, float],
    modes: list[Mode] | None,
    whole: bool,
) -> Hit:
    """Return a document of merged rankings as a hit, explained by its ranks if the modes of the rankings are given."""
    hit = _hit(rank, documents[fused.id], terms, whole)
    return replace(hit, score=fused.score, contributions=None if modes is None else _of_ranks(fused, modes))


def _of_ranks(fused: Fused, modes: list[Mode]) -> tuple[Contribution, ...]:
    return tuple(
        Contribution(f"rank {rank}", Origin(modes[number].value), value) for number, rank, value in fused.parts
    )


def _marks(question: Question, options: QueryOptions) -> dict[str, float]:
    """Return what a snippet should show, with weights: the terms that are sent, else the words."""
    terms = {readable(term).lower(): weight for term, weight in planned(question, options).vector}
    return terms or words_of(question.text)


def _hit(rank: int, found: Mapping[str, Any], terms: Mapping[str, float], whole: bool) -> Hit:  # Any: a JSON object
    source = found.get("_source") or {}
    # Applications may write lists and numbers, which the cluster takes for texts.
    title, text = joined(source, [TITLE_FIELD]), joined(source, [TEXT_FIELD])
    explanation = found.get("_explanation")
    passage = _passage(found, text)
    return Hit(
        rank,
        found["_id"],
        float(found["_score"]),
        one_line(title) if title else None,
        best_snippet(text if passage is None else passage, terms),
        None if explanation is None else contributions(explanation),
        passage,
        source if whole else None,
    )


def _passage(found: Mapping[str, Any], text: str) -> str | None:  # Any: a JSON object
    """Return the best passage of a hit, if the search asked for it."""
    inner = found.get("inner_hits", {}).get(PASSAGES_FIELD, {}).get("hits", {}).get("hits", ())
    if not inner:
        return None
    place = inner[0]["_source"]
    return text[place["begin"] : place["end"]]


def _scored(found: Mapping[str, Any]) -> Scored:  # Any: a JSON object
    return Scored(found["_id"], float(found["_score"]))
