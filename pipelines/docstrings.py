"""Python source comes in, its documentation goes out: one entry per documented module, class, function and method.

Pure, and nothing is imported or run: the source is parsed only. `standard_library` feeds it the files.
"""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

LONGEST_TEXT = 120
"""Characters; a text ends with a sentence or a word before that. What comes later is details and examples."""
SHORTEST_TEXT = 4
"""Words; less than that, such as "Internal helper.", answers no question."""

_CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_ROLE = re.compile(r":[a-z:]+:`~?([^`]*)`")
_SENTENCE_END = re.compile(r"(?<!e\.g)(?<!i\.e)[.!?](?=\s)")
_UNENDED = re.compile(r"(?<=[\w)\]'\"`>])$")
_ARROW = re.compile(r"[ \t]*-+>[ \t]*")
_RESULT_END = re.compile(r"[.,:;](?=\s|$)|\s-+\s|\n|$")
_WORD = re.compile(r"\w+")
_LABEL = re.compile(r"(?:\w+ ?){1,3}:")
_NO_PROSE = (">>>", "$ ", ":param", "* ", "- ", "+-")
_RESULT_WORDS = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """What one module, class, function or method says about itself."""

    id: str
    """Its qualified name, such as `itertools.groupby`; builtins have no module: `str.partition`."""
    text: str
    """The beginning of its docstring, as running prose."""

    @property
    def title(self) -> str:
        """Return the name as words: `collections.OrderedDict.move_to_end` -> `collections ordered dict move to end`."""
        return " ".join(_CAMEL_HUMP.sub(" ", self.id).replace("_", " ").replace(".", " ").lower().split())

    @property
    def searchable(self) -> str:
        """Return what is indexed and encoded."""
        return f"{self.title}\n{self.text}"


@dataclass(frozen=True, slots=True)
class Module:
    """What a module's source says."""

    entries: tuple[Entry, ...]
    """In the order of the source, their ids within the module; the module itself, if documented, is `""`."""
    exported: frozenset[str] | None
    """The names of `__all__`; None if there is none, or if it is computed."""
    borrowed: tuple[tuple[str, str], ...]
    """Names from other modules as (module, name), as written: a dot for each level, `*` for all names."""


def read_module(source: str) -> Module:
    """Parse a module's source.

    Raises:
        SyntaxError: it is not Python of this version.
    """
    tree = ast.parse(source)
    own = entry("", ast.get_docstring(tree, clean=False))
    entries = (*([own] if own else []), *_documented(tree.body, ""))
    return Module(entries, _exported(tree.body), tuple(_borrowed(tree.body)))


def entry(identity: str, docstring: str | None) -> Entry | None:
    """Return the entry of a docstring, None if there is too little in it."""
    text = prose(docstring or "", identity.rpartition(".")[2])
    return Entry(identity, text) if len(_WORD.findall(text)) >= SHORTEST_TEXT else None


def prose(docstring: str, name: str) -> str:
    """Return the beginning of a docstring as one line: no signatures of `name`, no examples, no markup."""
    rest = _without_signatures(inspect.cleandoc(docstring), name)
    paragraphs = (" ".join(_without_lists(paragraph).split()) for paragraph in _BLANK_LINE.split(rest))
    text = " ".join(_UNENDED.sub(".", paragraph) for paragraph in paragraphs if paragraph)
    return _shortened(_ROLE.sub(r"\1", text).replace("`", "").replace("::", ":"))


def _documented(body: Iterable[ast.stmt], prefix: str) -> Iterator[Entry]:
    for node in _flat(body):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        found = entry(prefix + node.name, ast.get_docstring(node, clean=False))
        if found is not None:
            yield found
        if isinstance(node, ast.ClassDef):
            yield from _documented(node.body, f"{prefix}{node.name}.")


def _flat(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements also from inside `if` and `try`, where names depend on the platform."""
    for node in body:
        yield node
        if isinstance(node, ast.If):
            yield from _flat([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            yield from _flat([*node.body, *(inner for handler in node.handlers for inner in handler.body)])
            yield from _flat([*node.orelse, *node.finalbody])


def _exported(body: Iterable[ast.stmt]) -> frozenset[str] | None:
    names: set[str] = set()
    for node in _flat(body):
        match node:
            case ast.Assign(targets=[ast.Name("__all__")], value=value) | ast.AugAssign(ast.Name("__all__"), _, value):
                values = [value]
            case ast.Expr(ast.Call(ast.Attribute(ast.Name("__all__")), values)):
                pass  # Its methods append and extend.
            case _:
                continue
        if not all(isinstance(value, ast.List | ast.Tuple | ast.Constant) for value in values):
            return None
        constants = (part for value in values for part in ast.walk(value) if isinstance(part, ast.Constant))
        names.update(str(part.value) for part in constants)
    return frozenset(names) or None


def _borrowed(body: Iterable[ast.stmt]) -> Iterator[tuple[str, str]]:
    for node in _flat(body):
        if isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            yield from ((origin, alias.name) for alias in node.names if alias.asname in (None, alias.name))


def _without_signatures(text: str, name: str) -> str:
    """Take off `name(...)`, also with an object before it and a result behind it, at the beginning of lines."""
    signature = re.compile(rf"^(?:[A-Za-z]\w*\.)*{re.escape(name)}[ ]?\(")
    paragraphs = []
    while name and (begin := signature.match(text)):
        behind = text[_closing(text, begin.end()) :]
        if arrow := _ARROW.match(behind):
            behind = _without_result(behind[arrow.end() :])
        first, *others = behind.lstrip(" \t-.,:;").split("\n")
        # Indented lines continue the line of a signature.
        more = list(takewhile(_is_indented, others)) if first else []
        paragraphs.append("\n".join(map(str.strip, [first, *more])))
        text = "\n".join(others[len(more) :])
    return "\n\n".join([*paragraphs, text])


def _closing(text: str, start: int) -> int:
    """Return the place behind the parenthesis that closes the one before `start`."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if not depth:
            return place + 1
    return start


def _without_result(text: str) -> str:
    """Take off a result of a few words, such as `iterator`, or in parentheses; a longer one describes."""
    if text.startswith("("):
        return text[_closing(text, 1) :]
    end = _RESULT_END.search(text)
    assert end is not None  # It matches the end of any text.
    result = text[: end.start()]
    return text[end.start() :] if len(result.split()) <= _RESULT_WORDS and "(" not in result else text


def _without_lists(paragraph: str) -> str:
    """Keep the lines before an example or a list, except rules under headings; nothing of an indented paragraph."""
    kept: list[str] = []
    for line in paragraph.split("\n"):
        if line.lstrip().startswith(_NO_PROSE) or (_is_indented(line) and (not kept or kept[-1].endswith(":"))):
            break
        if _WORD.search(line):
            kept.append(line.rstrip())
    return "" if len(kept) == 1 and _LABEL.fullmatch(kept[0]) else "\n".join(kept)


def _is_indented(line: str) -> bool:
    return line.startswith((" ", "\t"))


def _shortened(text: str) -> str:
    """Cut behind the last sentence that fits, or else, if that says too little, behind the last word."""
    if len(text) <= LONGEST_TEXT:
        return text
    ends = [found.end() for found in _SENTENCE_END.finditer(text, 0, LONGEST_TEXT + 1)]
    sentences = text[: ends[-1]] if ends else ""
    enough = len(_WORD.findall(sentences)) >= 2 * SHORTEST_TEXT
    return sentences if enough else text[:LONGEST_TEXT].rpartition(" ")[0]
