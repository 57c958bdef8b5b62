"""The shape of a cluster's answer: which names it has, and values of which kinds."""

_OF_ONE_HIT = ("_explanation", "highlight", "_source", "_routing", "fields")


def shape(value: object) -> object:
    """Return the names in an answer and how they lie in each other, and the kinds of values; of hits all together."""
    if isinstance(value, dict):
        # How a score came about is another story; and other documents have other fields.
        own = {name: below for name, below in value.items() if name not in _OF_ONE_HIT}
        return {name: _names_of(below) if name == "hits" else shape(below) for name, below in own.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    # Some languages write 10.0 as 10.
    return "number" if type(value) in (int, float) else type(value).__name__


def _names_of(hits: object) -> object:
    if not isinstance(hits, list):
        return shape(hits)
    return sorted({name for hit in hits for name in hit if name != "_routing"})
