"""Indexes as requests mean them: their names, and how a cluster is to expand these; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from csplade.integration.gateway_json import UnreadJson
from csplade.integration.gateway_params import Params

_OPTIONS = ("expand_wildcards", "ignore_unavailable", "allow_no_indices")
# As clusters take them in the headers of several searches, too.
_ALSO = {"expand_wildcards": "expandWildcards", "ignore_unavailable": "ignoreUnavailable"}
_ALSO["allow_no_indices"] = "allowNoIndices"


@dataclass(frozen=True, slots=True)
class Names:
    """What a request names; an option that is None is not said."""

    text: str
    """With commas and wildcards; empty: all indexes, or those that something else names."""
    expand_wildcards: str | None = None
    ignore_unavailable: str | None = None
    """Whether names are passed over that no index has."""
    allow_no_indices: str | None = None

    @classmethod
    def of_params(cls, text: str, params: Params) -> "Names":
        """Return names with the options that the parameters of a request say."""
        return cls(text, *(params.get(name) for name in _OPTIONS))

    @classmethod
    def of_header(cls, header: Mapping[str, object]) -> "Names":
        """Return what the header of one of several searches says.

        Raises:
            UnreadJson: something in it is none that is known.
        """
        text = _listed(header.get("index", header.get("indices", "")))
        return cls(text, *(_option(header.get(name, header.get(_ALSO[name]))) for name in _OPTIONS))

    def within(self, whole: "Names") -> "Names":
        """Return these names, or where they say nothing what the `whole` request does."""
        said = ((getattr(self, name), getattr(whole, name)) for name in _OPTIONS)
        return Names(self.text or whole.text, *(other if own is None else own for own, other in said))

    def written(self) -> tuple[bytes, bytes]:
        """Return the names and the options as they stand in an address.

        Raises:
            UnicodeEncodeError: they have half a character in them, which no index has in its name.
        """
        said = ((name, getattr(self, name)) for name in _OPTIONS)
        options = "&".join(f"{name}={quote(value, safe=',')}" for name, value in said if value is not None)
        return quote(self.text, safe=",*").encode(), options.encode()


def _option(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else _listed(value)


def _listed(value: object) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ",".join(value)
    if not isinstance(value, str):
        raise UnreadJson("its index is no name, or how it is found is not understood")
    return value
