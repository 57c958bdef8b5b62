"""The files of an encoder folder besides contract, graph and golden vectors: names, reading, writing."""

import gzip
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
from csplade.pipelines.contract import Contract, sha256
from csplade.pipelines.errors import EncoderError

MODEL_FILE = "model.onnx"
WEIGHTS_FILE = f"{MODEL_FILE}_data"
"""Where weights are that are too large for the graph's own file, 2 GB."""
TOKENIZER_FILE = "tokenizer.json"
TERMS_FILE = "terms.json.gz"
IDF_FILE = "idf.json.gz"
DECIDING_FILES = (MODEL_FILE, TOKENIZER_FILE, TERMS_FILE, IDF_FILE)


@dataclass(frozen=True)
class Tables:
    """What the graph's numbers mean."""

    terms: Sequence[str]
    """Term key by the graph's term id."""
    idf: Mapping[str, float]
    """idf over broad text by term key."""


def read_tables(folder: Path) -> Tables:
    """Read terms and idf.

    Raises:
        EncoderError: a file is missing or damaged.
    """
    terms, idf = _read(folder / TERMS_FILE), _read(folder / IDF_FILE)
    if not isinstance(terms, list) or not isinstance(idf, dict):
        raise EncoderError(f"{folder} has no list of terms or no table of idf: copy the encoder folder again")
    return Tables(terms, idf)


def check_terms(folder: Path, contract: Contract, tables: Tables) -> None:
    """Look whether each id of a vocabulary has its term, where pieces are terms; words cannot be counted beforehand.

    Raises:
        EncoderError: there are fewer terms.
    """
    if contract.term_space == "pieces" and len(tables.terms) < contract.vocabulary_size:
        raise EncoderError(
            f"{folder / TERMS_FILE} has {len(tables.terms)} terms, and the contract a vocabulary of "
            f"{contract.vocabulary_size}, of which each piece is a term: copy or export the encoder again"
        )


def write_tables(folder: Path, tables: Tables) -> None:
    """Write terms and idf; the same tables give the same bytes."""
    for name, value in ((TERMS_FILE, list(tables.terms)), (IDF_FILE, dict(tables.idf))):
        (folder / name).write_bytes(gzip.compress(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), mtime=0))


def deciding_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file that decides a weight, for the contract."""
    names = (*DECIDING_FILES, *((WEIGHTS_FILE,) if (folder / WEIGHTS_FILE).exists() else ()))
    return {name: sha256(folder / name) for name in names}


def _read(path: Path) -> object:
    try:
        value: object = orjson.loads(gzip.decompress(path.read_bytes()))
        return value
    except (OSError, EOFError, zlib.error, orjson.JSONDecodeError) as error:
        raise EncoderError(f"{path} cannot be read ({error}): copy the encoder folder again") from error
