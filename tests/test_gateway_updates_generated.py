"""Updates made by chance, merged as clusters merge them: the weights afterwards are those of the text then, or none."""

from collections.abc import Iterator

import orjson
from csplade.integration.field_map import Coverage, FieldMap
from csplade.integration.gateway_documents import Aim, read_document
from csplade.integration.gateway_updates import read_update
from csplade.integration.stored_weights import weights_of
from csplade.pipelines.sparse import SparseVector
from csplade.tests.gateway_searches import Json
from csplade.tests.word_encoder import word_vector
from hypothesis import event, given, settings
from hypothesis import strategies as st

AIM = Aim(
    FieldMap(
        (
            Coverage("csplade_terms", {"title": 1.0, "text": 1.0, "text.*": 1.0}),
            Coverage("a_terms", {"a.b": 1.0, "a.c.d": 1.0}),
            Coverage("p.terms", {"p.text": 1.0}, nested="p"),
        )
    ),
    "f",
)
OURS = ("csplade_terms", "a_terms", "csplade_encoded")
WORDS = ("rye", "fresh bread", "salt", "")
words = st.sampled_from(WORDS)
texts = st.one_of(words, words, st.none(), st.lists(words, max_size=2))
stale = st.sampled_from([{"stale": 5.0}, [{"stale": 5.0}], []])
inner = st.fixed_dictionaries({}, optional={"text": texts, "page": st.just(2), "terms": stale})
deeper = st.one_of(st.none(), st.fixed_dictionaries({}, optional={"d": texts}))
below = st.one_of(st.none(), st.fixed_dictionaries({}, optional={"b": texts, "c": deeper, "x": st.just(1)}))
others = {
    "year": st.just(1),
    "a": below,
    "p": st.one_of(st.none(), inner, st.lists(inner, max_size=3)),
    "csplade_terms": stale,
    "a_terms": stale,
    "csplade_encoded": st.just("old"),
}
# With both texts, one of them, or none, each as often.
parts: st.SearchStrategy[Json] = st.one_of(
    *(
        st.fixed_dictionaries(dict.fromkeys(names, texts), optional=others)
        for names in (("title", "text"), ("title",), ("text",), ())
    )
)
full: st.SearchStrategy[Json] = st.fixed_dictionaries({"title": words, "text": words})
bodies: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {"doc": parts}, optional={"doc_as_upsert": st.booleans(), "upsert": parts}
)


def written(source: Json) -> Json:
    """Return a document as the gateway writes it."""
    document = read_document(orjson.dumps(source), AIM)
    return dict(orjson.loads(document.weighted([word_vector(text) for text in document.texts])))


def own(source: Json) -> Json:
    """Return a document without weights and mark."""
    kept = {name: value for name, value in source.items() if name not in OURS}
    passages = [{name: value for name, value in each.items() if name != "terms"} for each in passages_of(source)]
    return {**kept, "p": passages if isinstance(kept["p"], list) else passages[0]} if passages else kept


def passages_of(source: Json) -> list[Json]:
    passages = source.get("p") or []
    return passages if isinstance(passages, list) else [passages]


def merged(source: object, part: object) -> object:
    """Merge as clusters do: objects into each other, all else in the other's place."""
    if not isinstance(source, dict) or not isinstance(part, dict):
        return part
    return {**source, **{name: merged(source[name], part[name]) if name in source else part[name] for name in part}}


def updated(source: Json, part: Json) -> Json:
    return {**source, **{name: merged(source.get(name), value) for name, value in part.items()}}


def flat(*values: object) -> str:
    """Return texts, one a line."""
    found: list[str] = []
    for value in values:
        found += [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str) and each]
    return "\n".join(found)


def pairs(source: Json) -> Iterator[tuple[SparseVector, str]]:
    """Give all weights of a document, and the text that they should be made of."""
    a = source.get("a") or {}
    yield weights_of(source, "csplade_terms"), flat(source.get("title"), source.get("text"))
    yield weights_of(source, "a_terms"), flat(a.get("b"), (a.get("c") or {}).get("d"))
    for each in passages_of(source):
        yield weights_of(each, "terms"), flat(each.get("text"))


def carries_without_text(part: Json) -> bool:
    """Say whether weights stand beside no text at all, which are the caller's own affair."""
    nested = any("terms" in each and "text" not in each for each in passages_of(part))
    root = "csplade_terms" in part and not {"title", "text"} & {*part}
    a = part.get("a", {})
    # An empty object, merged into another, changes nothing.
    beside = a is None or "b" in a or a.get("c", {}) != {}
    return nested or root or ("a_terms" in part and not beside)


@settings(max_examples=300)
@given(source=st.one_of(full, parts), body=bodies)
def test_weights_after_an_update_are_those_of_the_text_or_none(source: Json, body: Json) -> None:
    for name in ("doc", "upsert"):
        if carries_without_text(body.get(name, {})):
            body = {**body, name: own(body[name])}
    before = written(own(source))
    update = read_update(orjson.dumps(body), AIM)
    bare = orjson.loads(update.bare())
    sent = orjson.loads(update.weighted([word_vector(text) for text in update.texts]))
    event("left for later" if update.left else "weighed" if update.texts else "nothing")
    for each in (sent, bare):
        after = updated(before, each["doc"])
        for found, text in pairs(after):
            assert found in (SparseVector(), word_vector(text)), (each, after)
        made = each["doc"] if each.get("doc_as_upsert") else each.get("upsert")
        for found, text in pairs(made or {}):
            assert found in (SparseVector(), word_vector(text)), (each, made)
    # All but weights and marks is what the caller sent.
    assert own(updated(before, sent["doc"])) == own(updated(before, body["doc"]))
    assert own(updated(before, bare["doc"])) == own(updated(before, body["doc"]))


@given(body=bodies)
def test_what_is_bare_is_bare_once_and_for_all(body: Json) -> None:
    once = read_update(orjson.dumps(body), AIM).bare()
    assert orjson.loads(read_update(once, AIM).bare()) == orjson.loads(once)
    document = read_document(orjson.dumps(body["doc"]), AIM).bare()
    assert read_document(document, AIM).bare() == document


@given(source=parts)
def test_a_whole_document_has_the_weights_of_its_text_or_its_own_beside_none(source: Json) -> None:
    if carries_without_text(source):
        source = own(source)
    document = read_document(orjson.dumps(source), AIM)
    for after in (written(source), orjson.loads(document.bare())):
        for found, text in pairs(after):
            assert found in (SparseVector(), word_vector(text)), after
        assert own(after) == own(source)
