"""Training data: files with an example per line, or BEIR folders, become examples, or flaws with their line."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from csplade.pipelines.errors import SourceError
from csplade.pipelines.evaluate import Judgment, read_judgments
from csplade.pipelines.identified import add_text, identified_text
from csplade.pipelines.jsonl import Unreadable
from csplade.pipelines.source_names import source_names
from csplade.pipelines.sources import Source, find_source
from csplade.pipelines.training_line import FORM, LineError, parse_texts

_QUERIES = ("queries.jsonl", "queries.jsonl.gz")


@dataclass(frozen=True, slots=True)
class Example:
    """A query with the documents it is trained on."""

    query: str
    documents: tuple[str, ...]
    """The positive first, then hard negatives."""
    scores: tuple[float, ...] | None
    """A teacher's score of each document, None if the file has none."""
    source: str
    """As `source_names` calls its file or BEIR folder."""
    line: int
    """Counted from 1; of the judgments for a BEIR folder."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """What cannot be used of a file, and why."""

    file: str
    line: int | None
    """None: it is not about one line, and `reason` is a sentence of its own."""
    reason: str
    """Continues a sentence that begins with the place."""

    @property
    def place(self) -> str:
        """Return where it is."""
        return self.file if self.line is None else f"line {self.line} of {self.file}"

    @property
    def sentence(self) -> str:
        """Return what is wrong with its place and the next step."""
        return self.reason if self.line is None else f"{self.place} {self.reason}"


@dataclass(frozen=True)
class ExampleFile:
    """A file with one example per line."""

    name: str
    """As in `Example.source`."""
    source: Source

    @property
    def place(self) -> str:
        """Return how messages call it."""
        return self.source.name

    @property
    def nothing(self) -> str:
        """Return what is wrong if it gives no example."""
        return f"{self.place} holds no example: write one a line, like {FORM}"

    def read(self) -> Iterator[Example | Flaw]:
        """Read lazily and in order.

        Raises:
            SourceError: the file cannot be read to its end.
        """
        for found in self.source.records():
            try:
                yield Example(*parse_texts(found), self.name, found.line)
            except LineError as error:
                yield Flaw(self.source.name, found.line, str(error))


@dataclass(frozen=True)
class JudgedFolder:
    """A BEIR folder: every document of a grade above 0 is a pair, those judged 0 are its query's hard negatives.

    A query without a positive gives no example, a grade below 0 is neither positive nor negative.
    """

    name: str
    """As in `Example.source`."""
    corpus: Source
    queries: Source
    judgments: Path

    @property
    def place(self) -> str:
        """Return how messages call it."""
        return str(self.judgments)

    @property
    def nothing(self) -> str:
        """Return what is wrong if it gives no example."""
        return f"{self.place} judges no document above 0: choose another split, or judge one with 1"

    def read(self) -> Iterator[Example | Flaw]:
        """Read the judged part of the folder into memory, then give examples query by query.

        Raises:
            SourceError: a file cannot be read to its end.
        """
        judged, wrong = _judged(self.judgments)
        queries, wrong_queries = _texts(self.queries, judged.keys(), ("text",))
        wanted = {document for grades in judged.values() for document in grades}
        documents, wrong_documents = _texts(self.corpus, wanted, ("title", "text"))
        yield from chain(wrong, wrong_queries, wrong_documents)
        for query, grades in judged.items():
            first = next(iter(grades.values())).line
            lack = _lack(queries, query, self.queries.name)
            if lack:
                yield Flaw(self.place, first, lack)
            else:
                yield from self._examples(queries[query], list(grades.values()), documents)

    def _examples(
        self, query: str, judgments: Sequence[Judgment], documents: Mapping[str, str]
    ) -> Iterator[Example | Flaw]:
        usable = []
        for judgment in judgments:
            lack = _lack(documents, judgment.document, self.corpus.name)
            if lack:
                yield Flaw(self.place, judgment.line, lack)
            else:
                usable.append(judgment)
        negatives = [documents[judgment.document] for judgment in usable if judgment.grade == 0]
        for judgment in usable:
            if judgment.grade > 0:
                yield Example(query, (documents[judgment.document], *negatives), None, self.name, judgment.line)


def read_examples(paths: Sequence[Path], split: str = "train") -> Iterator[Example]:
    """Read the examples of all paths, lazily and in order; what a path can be, `find_data` says.

    Raises:
        SourceError: at once if a path cannot be used, while reading at the first line that holds no example, or at
            the end of a path that gave none.
    """
    return _all_sound(find_data(paths, split))


def find_data(paths: Sequence[Path], split: str = "train") -> list[ExampleFile | JudgedFolder]:
    """Return what each path is: a file of JSON lines (.gz as well, - for standard input), or a BEIR folder.

    A BEIR folder holds corpus.jsonl, queries.jsonl (either may end with .gz) and qrels/SPLIT.tsv.

    Raises:
        SourceError: there is no such file, or a folder lacks one of its files.
    """
    named = zip(paths, source_names(paths), strict=True)
    return [
        _folder(path, name, split) if path.is_dir() else ExampleFile(name, find_source(str(path)))
        for path, name in named
    ]


def _all_sound(found: Sequence[ExampleFile | JudgedFolder]) -> Iterator[Example]:
    for data in found:
        empty = True
        for example in data.read():
            if isinstance(example, Flaw):
                raise SourceError(example.sentence)
            empty = False
            yield example
        if empty:
            raise SourceError(data.nothing)


def _folder(path: Path, name: str, split: str) -> JudgedFolder:
    corpus = find_source(str(path))
    queries = next((path / name for name in _QUERIES if (path / name).is_file()), None)
    if queries is None:
        raise SourceError(f"the folder {path} holds no {' or '.join(_QUERIES)}: name a BEIR folder or a file")
    judgments = path / "qrels" / f"{split}.tsv"
    if not judgments.is_file():
        there = ", ".join(sorted(file.stem for file in judgments.parent.glob("*.tsv"))) or "none"
        raise SourceError(f"the folder {path} holds no qrels/{split}.tsv: choose with --split one of its own ({there})")
    return JudgedFolder(name, corpus, Source(str(queries), queries), judgments)


def _judged(path: Path) -> tuple[dict[str, dict[str, Judgment]], list[Flaw]]:
    """Return the judgments that matter for training, by query and document."""
    judged: dict[str, dict[str, Judgment]] = {}
    flaws = []
    for found in read_judgments(path):
        if isinstance(found, Unreadable):
            flaws.append(Flaw(str(path), found.line, found.reason))
        elif found.grade >= 0:
            before = judged.setdefault(found.query, {}).setdefault(found.document, found)
            if before.grade != found.grade:
                twice = f"judges {found.document!r} for {found.query!r} a second time, with {found.grade}"
                flaws.append(Flaw(str(path), found.line, f"{twice} instead of {before.grade}: keep one of the lines"))
    return judged, flaws


def _texts(source: Source, wanted: Set[str], fields: Sequence[str]) -> tuple[dict[str, str], list[Flaw]]:
    """Return the text of each wanted id; it is empty where the record has none."""
    texts: dict[str, str] = {}
    flaws = []
    for found in source.records():
        try:
            identity, text = identified_text(found, fields)
            if identity in wanted:
                add_text(texts, identity, text)
        except LineError as error:
            flaws.append(Flaw(source.name, found.line, str(error)))
    return texts, flaws


def _lack(texts: Mapping[str, str], identity: str, place: str) -> str | None:
    """Return why an id of a judgment cannot be used, None if it can."""
    if identity not in texts:
        return f"names {identity!r}, which is not in {place}: add it there or delete the line"
    if not texts[identity].strip():
        return f"names {identity!r}, which has no text in {place}: add it there or delete the line"
    return None
