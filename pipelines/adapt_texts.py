"""Plain texts for the adaptation phase: text files, JSON lines and BEIR folders in, one text after another out.

A text file (.txt, .txt.gz) holds texts with a blank line between them. A record gives its title and text, or where it
has no text, as in training pairs, its positive, or its title alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from csplade.pipelines.errors import SourceError
from csplade.pipelines.jsonl import Unreadable, kind
from csplade.pipelines.sources import Source, find_source

_TEXT_FILES = (".txt", ".txt.gz")
_TITLE, _TEXT, _POSITIVE = "title", "text", "positive"


def read_texts(paths: Sequence[Path], fields: Sequence[str] = ()) -> Iterator[str]:
    """Read the texts of all paths, lazily and in order; `fields`, if given, are what is joined of each record.

    Raises:
        SourceError: at once if a path is not there, while reading at the first record without a text, or at the end
            of a path that gave none.
    """
    sources = [find_source(str(path)) for path in paths]
    return chain.from_iterable(_some(source, _read(source, fields)) for source in sources)


def _read(source: Source, fields: Sequence[str]) -> Iterator[str]:
    is_text = source.path is not None and source.path.name.lower().endswith(_TEXT_FILES)
    return _paragraphs(source) if is_text else _records(source, fields)


def _some(source: Source, texts: Iterator[str]) -> Iterator[str]:
    empty = True
    for text in texts:
        empty = False
        yield text
    if empty:
        raise SourceError(f"{source.name} holds no text: leave it out")


def _paragraphs(source: Source) -> Iterator[str]:
    lines: list[str] = []
    for number, raw in enumerate(source.lines(), start=1):
        try:
            line = raw.decode()
        except UnicodeDecodeError as error:
            raise SourceError(f"line {number} of {source.name} is not UTF-8: convert the file") from error
        if line.strip():
            lines.append(line)
        elif lines:
            yield "".join(lines).strip()
            lines = []
    if lines:
        yield "".join(lines).strip()


def _records(source: Source, fields: Sequence[str]) -> Iterator[str]:
    for found in source.records():
        place = f"line {found.line} of {source.name}"
        if isinstance(found, Unreadable):
            raise SourceError(f"{place} {found.reason}: correct the line")
        text = "\n".join(_values(found.value, fields or _own_fields(found.value), place))
        if not text:
            named = ", ".join(map(repr, fields or (_TITLE, _TEXT, _POSITIVE)))
            raise SourceError(f"{place} has no text in {named}: name its fields with --text-fields")
        yield text


def _own_fields(value: Mapping[str, Any]) -> Sequence[str]:  # Any: a JSON value
    return (_POSITIVE,) if value.get(_POSITIVE) and not value.get(_TEXT) else (_TITLE, _TEXT)


def _values(value: Mapping[str, Any], fields: Sequence[str], place: str) -> Iterator[str]:  # Any: a JSON value
    for field in fields:
        text = value.get(field)
        if text is not None and not isinstance(text, str):
            raise SourceError(f"{place} has {kind(text)} in the field {field!r} where text belongs: make it a string")
        if text and text.strip():
            yield text.strip()
