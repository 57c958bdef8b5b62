"""Neural teachers in local folders, opened with sentence-transformers; needs the extra [train].

sentence-transformers opens a folder of either kind as the other one, with a random head or without the trained one, so
what a folder holds is looked up before. Nothing is downloaded.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from csplade.pipelines.errors import MissingExtraError, SourceError
from csplade.pipelines.json_object import read_object
from csplade.pipelines.literal import Floats

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder, SentenceTransformer

EMBEDDINGS_KEPT = 100_000
"""Texts whose embeddings a dense teacher remembers: about 150 MB of 384 dimensions, 400 MB of 1,024."""

_PACKAGE, _EXTRA = "sentence-transformers", "train"
_DENSE, _CROSS = "SentenceTransformer", "CrossEncoder"
_QUERY, _DOCUMENT = "query", "document"

_Model = TypeVar("_Model")


class DenseTeacher:
    """Cosine of the embeddings that a SentenceTransformer gives, with its own prompts for queries and documents."""

    def __init__(self, model: "SentenceTransformer", folder: Path, kept: int = EMBEDDINGS_KEPT) -> None:
        self._model = model
        self._folder = folder
        self._kept = kept
        self._embeddings: OrderedDict[tuple[str, str], Floats] = OrderedDict()

    @classmethod
    def open(cls, folder: Path, kept: int = EMBEDDINGS_KEPT) -> "DenseTeacher":
        """Open a SentenceTransformer's folder; `kept` bounds the embeddings that are remembered.

        Raises:
            SourceError: the folder holds no such model.
            MissingExtraError: sentence-transformers is not installed.
        """
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingExtraError(_PACKAGE, _EXTRA) from error
        return cls(_load(SentenceTransformer, _DENSE, folder), folder, kept)

    def matrix(self, queries: Sequence[str], documents: Sequence[str]) -> Floats:
        """Return the cosine of every document with every query: (queries, documents).

        Raises:
            SourceError: the model gives a score that is no number.
        """
        if not queries or not documents:
            return np.zeros((len(queries), len(documents)), dtype=np.float32)
        scores: Floats = self._embed(queries, _QUERY) @ self._embed(documents, _DOCUMENT).T
        return _finite(scores, self._folder)

    def lists(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> list[Floats]:
        """Return the cosines of each query's own documents, one array (documents of the query,) per query.

        Raises:
            SourceError: the model gives a score that is no number.
        """
        flat = [text for texts in documents for text in texts]
        if not flat:
            return [np.zeros(0, dtype=np.float32) for _ in documents]
        asked, found = self._embed(queries, _QUERY), _split(self._embed(flat, _DOCUMENT), documents)
        return [_finite(theirs @ query, self._folder) for query, theirs in zip(asked, found, strict=True)]

    def _embed(self, texts: Sequence[str], side: str) -> Floats:
        """Return unit vectors, those seen before from memory: (texts, dimensions)."""
        distinct = list(dict.fromkeys(texts))
        vectors = {text: self._embeddings[side, text] for text in distinct if (side, text) in self._embeddings}
        if missing := [text for text in distinct if text not in vectors]:
            vectors.update(zip(missing, self._encode(missing, side), strict=True))
        for text in distinct:
            self._embeddings[side, text] = vectors[text]
            self._embeddings.move_to_end((side, text))
        while len(self._embeddings) > self._kept:
            self._embeddings.popitem(last=False)
        return np.stack([vectors[text] for text in texts])

    def _encode(self, texts: list[str], side: str) -> Floats:
        encode = self._model.encode_query if side == _QUERY else self._model.encode_document
        return np.asarray(encode(texts, normalize_embeddings=True, show_progress_bar=False), dtype=np.float32)


class CrossEncoderTeacher:
    """The logit that a CrossEncoder of one label gives to query and document, before any activation."""

    def __init__(self, model: "CrossEncoder", folder: Path) -> None:
        self._model = model
        self._folder = folder

    @classmethod
    def open(cls, folder: Path) -> "CrossEncoderTeacher":
        """Open a CrossEncoder's folder.

        Raises:
            SourceError: the folder holds no such model, or one of several labels.
            MissingExtraError: sentence-transformers is not installed.
        """
        try:
            from sentence_transformers import CrossEncoder
        except ImportError as error:
            raise MissingExtraError(_PACKAGE, _EXTRA) from error
        model = _load(CrossEncoder, _CROSS, folder)
        if model.num_labels != 1:
            raise SourceError(
                f"the teacher in {folder} sorts into {model.num_labels} labels, a teacher gives one score: name a "
                "CrossEncoder that was trained with one label"
            )
        return cls(model, folder)

    def matrix(self, queries: Sequence[str], documents: Sequence[str]) -> Floats:
        """Return the logit of every document for every query: (queries, documents).

        Raises:
            SourceError: the model gives a score that is no number.
        """
        scores = self._predict([(query, document) for query in queries for document in documents])
        return scores.reshape(len(queries), len(documents))

    def lists(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> list[Floats]:
        """Return the logits of each query's own documents, one array (documents of the query,) per query.

        Raises:
            SourceError: the model gives a score that is no number.
        """
        pairs = [(query, text) for query, texts in zip(queries, documents, strict=True) for text in texts]
        return _split(self._predict(pairs), documents)

    def _predict(self, pairs: list[tuple[str, str]]) -> Floats:
        if not pairs:
            return np.zeros(0, dtype=np.float32)
        from torch.nn import Identity

        # A sigmoid, which many such models end with, has no differences left between its best documents.
        found = self._model.predict(pairs, activation_fn=Identity(), show_progress_bar=False)
        return _finite(np.asarray(found, dtype=np.float32), self._folder)


def _split(rows: Floats, documents: Sequence[Sequence[str]]) -> list[Floats]:
    """Cut rows, one per document, into one array per query."""
    if not documents:
        return []
    return np.split(rows, np.cumsum([len(texts) for texts in documents])[:-1])


def _finite(scores: Floats, folder: Path) -> Floats:
    if not np.isfinite(scores).all():
        raise SourceError(f"the teacher in {folder} gives scores that are no numbers: its weights are damaged")
    return scores


def _load(build: Callable[..., _Model], kind: str, folder: Path) -> _Model:
    """Open the folder with a class of sentence-transformers, of the name `kind`."""
    from safetensors import SafetensorError

    _check_kind(folder, kind)
    try:
        return build(str(folder), local_files_only=True)
    # What is raised for a folder that is incomplete, damaged or of another architecture.
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise SourceError(f"no {kind} can be read from {folder} ({error}): save the model there again") from error


def _check_kind(folder: Path, wanted: str) -> None:
    """Raise a SourceError if the folder says of itself that it holds another kind of model."""
    said = _kind(folder)
    if said and said != wanted:
        spec = {_DENSE: "dense:", _CROSS: "cross-encoder:"}.get(said)
        step = "name another folder" if spec is None else f"write {spec}{folder}"
        raise SourceError(f"the teacher in {folder} is a {said}, not a {wanted}: {step}")


def _kind(folder: Path) -> str:
    """Return the class that saved the folder, as far as it tells; empty if it fits several."""
    said = _read(folder / "config_sentence_transformers.json").get("model_type")
    if isinstance(said, str):
        return said
    # Older versions wrote no class, and modules only for a SentenceTransformer.
    if (folder / "modules.json").is_file():
        return _DENSE
    named = _read(folder / "config.json").get("architectures")
    architecture = str(named[0]) if isinstance(named, list) and named else ""
    if architecture.endswith("ForSequenceClassification"):
        return _CROSS
    return "" if architecture.endswith("ForCausalLM") else _DENSE


def _read(path: Path) -> dict[str, object]:
    return read_object(path) if path.is_file() else {}
