"""One clause that holds text: what its fields, its options and the mode make of it."""

from collections.abc import Callable, Sequence

from csplade.integration.field_map import FieldMap
from csplade.integration.rewrite_clauses import TextClause, TextField, UnreadableClause, read_text_clause
from csplade.integration.rewrite_place import Place
from csplade.integration.rewrite_policy import Option, RewriteOptions, Shape
from csplade.integration.rewrite_report import Journal, JsonObject
from csplade.integration.rewrite_scoring import Composer, Scorer, Target


class TextRewriter:
    """Rewrites clauses that hold text, and notes in its journal what became of each."""

    def __init__(
        self,
        field_map: FieldMap,
        options: RewriteOptions,
        scorer: Scorer,
        resolve: Callable[[str], str | None],
        journal: Journal,
    ) -> None:
        self._field_map = field_map
        self._options = options
        self._scorer = scorer
        self._composer = Composer(options.dialect, options.bm25_weight)
        self._resolve = resolve
        self._journal = journal

    def rewritten(self, kind: str, body: JsonObject, place: Place) -> JsonObject | None:
        """Return what takes the place of a clause of one of the `TEXT_KINDS`; None: nothing does."""
        try:
            clause = read_text_clause(kind, body, self._resolve, self._options.longest_text)
        except UnreadableClause as error:
            self._journal.passed(place.path, kind, str(error))
            return None
        fields = clause.fields or tuple(map(TextField, self._field_map.default_fields))
        if not fields:
            self._journal.passed(place.path, kind, "it names no field, and the configuration no default_fields")
            return None
        target = self._target(clause, fields, place.nested)
        if not target.weights:
            self._journal.kept(place.path, kind, f"no weights cover {', '.join(field.name for field in fields)}")
            return None
        return self._covered(clause, body, target, place)

    def _target(self, clause: TextClause, fields: Sequence[TextField], nested: str | None) -> Target:
        """Tell what covers which field; fields that share weights share one factor, as their scores are combined."""
        boosts: dict[str, list[float]] = {}
        rest = []
        for field in fields:
            covered = self._field_map.covering(field.name, nested)
            if covered is None:
                rest.append(field)
            else:
                boosts.setdefault(covered.weights, []).append(field.boost * covered.boost)
        weights = {name: (1 - clause.tie) * max(each) + clause.tie * sum(each) for name, each in boosts.items()}
        return Target(weights, tuple(rest))

    def _covered(self, clause: TextClause, body: JsonObject, target: Target, place: Place) -> JsonObject | None:
        options = self._options
        asked = (*clause.options, Option.MINIMUM_SHOULD_MATCH) if place.counted else clause.options
        found = options.policies.strictest(asked)
        policy = None if found is None else found[1]
        named = options.mode.value if found is None else f"{found[0].value}: {found[1].value}"
        reason = "term weights cannot express all that it asks for"
        if found is not None and self._journal.stopped(place.path, clause.kind, reason, *found):
            return None
        vector = self._scorer.sent(clause.text, len(target.weights))
        if not vector:
            self._journal.passed(place.path, clause.kind, "the encoder finds no term in its text")
            return None
        shape = options.shape(policy)
        if place.factor and shape is Shape.FILTER:
            reason = "a match without weights would score 0, and fall below what does not match"
            self._journal.passed(place.path, clause.kind, reason, named)
            return None
        count = "1 term" if len(vector) == 1 else f"{len(vector)} terms"
        reason = f"{count} in {' and '.join(target.weights)}; the original: {shape}"
        self._journal.rewritten(place.path, clause.kind, named, reason)
        return self._composer.compose(clause, body, target, vector, shape)
