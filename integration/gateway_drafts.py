"""What a request writes, as it will be sent: with weights, or without those of an old text; pure.

The weights that belong to an old text never stay behind a new one, whatever goes wrong: what cannot have new weights in
time is written without any, so that `csplade enrich` finds it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from csplade.integration.gateway_bulk import Action, written_actions
from csplade.integration.gateway_documents import Aim, Written, read_document
from csplade.integration.gateway_json import UnreadJson
from csplade.integration.gateway_targets import Kind
from csplade.integration.gateway_updates import Update, read_update
from csplade.integration.gateway_verdict import Outcome, Verdict, Why
from csplade.pipelines.sparse import SparseVector

Draft = Written | Update

# Of several reasons in one request the one that its caller should know.
_TOLD = (
    *(Why.LOOKUP_SLOW, Why.LEFT, Why.NOT_READ, Why.NO_FIELD, Why.OTHER_ENCODER, Why.MIXED_RULES, Why.UNRESOLVED),
    Why.NO_RULES,
)


@dataclass(frozen=True)
class Drafts:
    """All that one request writes."""

    actions: tuple[Action, ...]
    """Of a bulk request, as its caller sent them; empty: it writes one document."""
    drafts: tuple[Draft | Why, ...]
    """One of each action, or that of the document; why it stays as it is."""

    @property
    def changing(self) -> dict[int, Draft]:
        """Return those that must not be sent as they came, by their places."""
        return {place: each for place, each in enumerate(self.drafts) if not isinstance(each, Why) and each.changes}

    @property
    def why(self) -> Why:
        """Return why nothing changes."""
        found = [each if isinstance(each, Why) else _unchanged(each) for each in self.drafts]
        return next((why for why in _TOLD if why in found), Why.NOTHING)

    @property
    def texts(self) -> list[str]:
        """Return what has to be encoded, each text once."""
        return [*dict.fromkeys(text for draft in self.changing.values() for text in draft.texts)]

    def weighted(self, vectors: Mapping[str, SparseVector]) -> bytes:
        """Return the body with weights.

        Raises:
            EncoderError: a term key has a dot, which no query would find.
        """
        found = self.changing.items()
        return self._body({place: draft.weighted([vectors[text] for text in draft.texts]) for place, draft in found})

    def bare(self) -> bytes:
        """Return the body without the weights of old texts, and without new ones."""
        return self._body({place: draft.bare() for place, draft in self.changing.items()})

    def bare_at(self, places: Sequence[int]) -> bytes:
        """Return the same of some of a bulk request's actions alone."""
        return written_actions([self.actions[place] for place in places], [self._bare_at(place) for place in places])

    def verdict(self, without: Collection[int] = ()) -> Verdict:
        """Return what is said of the body with weights, if what is at these places was written without."""
        changing = self.changing
        left = any(draft.left for draft in changing.values())
        count = sum(1 for place, draft in changing.items() if draft.texts and place not in without)
        detail = f"{count} of {len(self.actions)}" if self.actions and (count or not left) else ""
        return Verdict(Outcome.REWRITTEN, Why.LEFT if left else Why.NONE, detail)

    def _bare_at(self, place: int) -> bytes | None:
        draft = self.drafts[place]
        return self.actions[place].source if isinstance(draft, Why) else draft.bare()

    def _body(self, sources: Mapping[int, bytes]) -> bytes:
        if not self.actions:
            return sources[0]
        whole = [sources.get(place, action.source) for place, action in enumerate(self.actions)]
        return written_actions(self.actions, whole)


def read_one(kind: Kind, body: bytes, aim: Aim) -> Drafts:
    """Return what a request writes that names its document in its path.

    Raises:
        UnreadJson: it is no plain JSON object.
    """
    return Drafts((), (read_update(body, aim) if kind is Kind.UPDATE else read_document(body, aim),))


def read_many(actions: Sequence[Action], aims: Sequence[Aim | Why]) -> Drafts:
    """Return what a bulk request writes; a document that cannot be read stays as it is, and the others do not mind."""
    return Drafts(tuple(actions), tuple(map(_read, actions, aims)))


def _read(action: Action, aim: Aim | Why) -> Draft | Why:
    if isinstance(aim, Why):
        return aim
    if action.source is None:
        return Why.NOTHING
    try:
        return (read_document if action.whole else read_update)(action.source, aim)
    except UnreadJson:
        return Why.NOT_READ


def _unchanged(draft: Draft) -> Why:
    return Why.LEFT if draft.left else Why.NOTHING
