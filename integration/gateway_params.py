"""The parameters of a search: a query or a whole body may stand in them, and they are stronger than the body; pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote_plus

from csplade.integration.rewrite_report import JsonObject

_BODY = ("source", "source_content_type")
# Of a query in the parameters; each by its name in `query_string`.
_QUERY = {
    "q": "query",
    "df": "default_field",
    "default_operator": "default_operator",
    "analyzer": "analyzer",
    "analyze_wildcard": "analyze_wildcard",
    "lenient": "lenient",
}
_SORT = re.compile(r"(?P<field>.*?)(?::(?P<order>asc|desc))?", re.DOTALL)
_TRUE = ("", "true")


@dataclass(frozen=True)
class Params:
    """The parameters of one request."""

    pieces: tuple[tuple[str, bytes], ...]
    """Each with its name, as it stands in the request."""

    @classmethod
    def read(cls, query: bytes) -> "Params":
        """Read what follows the question mark."""
        parts = [part for part in query.split(b"&") if part]
        return cls(tuple((unquote_plus(part.partition(b"=")[0].decode("latin-1")), part) for part in parts))

    def get(self, name: str) -> str | None:
        """Return a value, the last one as clusters do; None if there is none."""
        found = [part.partition(b"=")[2] for key, part in self.pieces if key == name]
        return unquote_plus(found[-1].decode("latin-1")) if found else None

    def without(self, names: Collection[str]) -> "Params":
        """Return the others."""
        return Params(tuple(piece for piece in self.pieces if piece[0] not in names))

    def put(self, name: str, value: str) -> "Params":
        """Return them with this value in the place of all others of the name."""
        return Params((*self.without((name,)).pieces, (name, f"{name}={quote(value, safe=',.*')}".encode())))

    def written(self) -> bytes:
        """Return them as they are sent."""
        return b"&".join(part for _, part in self.pieces)

    @property
    def doubtful(self) -> bool:
        """Return whether a cluster could read them in another way: it takes a semicolon for the end of one, too."""
        return any(b";" in part for _, part in self.pieces)

    @property
    def source(self) -> str | None:
        """Return the whole body that stands in them; None: none does."""
        return self.get("source")

    def query(self) -> dict[str, Any] | None:  # Any: a JSON object
        """Return the query that they hold; None: there is none."""
        if not self.get("q"):
            return None
        asked: dict[str, Any] = {}  # Any: JSON values
        for name, key in _QUERY.items():
            value = self.get(name)
            if value is not None:
                asked[key] = value in _TRUE if name in ("analyze_wildcard", "lenient") else value
        return {"query_string": asked}

    def body_moved(self) -> "Params":
        """Return what is left of them once the query, or the body, that they held is sent in the body."""
        return self.without(_BODY if self.get("q") is None else (*_BODY, *_QUERY))

    def source_moved(self) -> "Params":
        """Return what is left of them once the whole body that they held is sent as one."""
        return self.without(_BODY)

    def over(self, body: JsonObject) -> dict[str, Any]:  # Any: a JSON object
        """Return what of the body's parts they decide, as it would stand there, as far as it matters for rewriting."""
        found: dict[str, Any] = {}  # Any: JSON values
        size, sort, scores = self.get("size"), self.get("sort"), self.get("track_scores")
        if size is not None and size.lstrip("+").isdigit():
            found["size"] = int(size)
        if sort:
            found["sort"] = [_sorted_by(each) for each in sort.split(",")]
        if scores is not None:
            found["track_scores"] = scores in _TRUE
        return {name: value for name, value in found.items() if body.get(name) != value}

    def least_score(self) -> dict[str, str]:
        """Return the lowest score that they ask for, as it would stand in a body; only a `_count` takes one there."""
        value = self.get("min_score")
        return {} if value is None else {"min_score": value}


def _sorted_by(text: str) -> object:
    found = _SORT.fullmatch(text)
    if found is None or found["order"] is None or found["field"] == "_score":
        return text if found is None else found["field"]
    return {found["field"]: found["order"]}
