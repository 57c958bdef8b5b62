"""The contract: everything that decides a vector's value, as `encoder.json` in the encoder folder.

Its fingerprint goes into the `_meta` of every index written with the encoder; ingest and query refuse an index
whose fingerprint differs. Descriptive fields (name, licence, training data, scores) do not enter the fingerprint.
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from csplade.pipelines.contract_values import check_values
from csplade.pipelines.errors import EncoderError
from csplade.pipelines.vocab import CODEC_VERSION

FORMAT_VERSION = 1
CONTRACT_FILE = "encoder.json"
MODEL_QUERIES, TABLE_QUERIES = "model", "table"
# The checksums in `files` already pin what these describe.
_DESCRIPTIVE = frozenset(
    {
        *("name", "base_model", "base_revision", "quantization"),
        *("tolerance", "expansion_tolerance", "licence", "training", "scores"),
    }
)


@dataclass(frozen=True)
class Side:
    """How one side, documents or queries, is read and cut."""

    prefix: str
    max_tokens: int
    top_k: int
    """Expansion terms kept by the graph, per text."""


@dataclass(frozen=True)
class Literal:
    """The literal path in BM25's shape (`literal.py`): constants of its formula and its word analysis."""

    k1: float
    b: float
    average_words: float
    default_idf: float
    """idf of a word that the broad-text table does not hold: rarer than all it holds."""
    analysis: str
    """Name of the word analysis profile, see `words.py`."""


@dataclass(frozen=True)
class Contract:
    """One encoder folder's promise; see the module docstring."""

    name: str
    format_version: int
    base_model: str
    base_revision: str
    attention: str
    add_bos: bool
    add_eos: bool
    lowercase: bool
    pooling: str
    term_space: str
    key_codec: int
    vocabulary_size: int
    document: Side
    query: Side
    literal: Literal | None
    quantization: str
    opset: int
    tolerance: float
    """Largest distance, |vector - golden| / |golden|, that golden vectors may show on any machine."""
    expansion_tolerance: float
    """The same for the terms that are no words of the text, whose light weights the distance above hardly sees; an
    expansion shorter than a tenth of the whole is measured as if it were so long."""
    files: Mapping[str, str]
    """SHA-256 of each file that decides a weight, by file name."""
    licence: str = ""
    training: tuple[str, ...] = ()
    scores: Mapping[str, float] = dataclasses.field(default_factory=dict)
    query_path: str = MODEL_QUERIES
    """`model`, or `table`: inference-free queries, whose terms are their own, weighted by `idf.json.gz`."""
    last_resort: str = ""
    """Term that a text gets, with weight 1, where the model gives it none; empty: such a text has no vector."""

    @property
    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that change with anything that decides a weight."""
        deciding = {key: value for key, value in self.to_json().items() if key not in _DESCRIPTIVE}
        # Encoders were indexed with before there was a choice.
        if self.query_path == MODEL_QUERIES:
            del deciding["query_path"]
        if not self.last_resort:
            del deciding["last_resort"]
        return hashlib.sha256(orjson.dumps(deciding, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:  # Any: a JSON object
        """Return the contract as a JSON object."""
        return dataclasses.asdict(self)

    def write(self, folder: Path) -> None:
        """Write `encoder.json`."""
        (folder / CONTRACT_FILE).write_bytes(orjson.dumps(self.to_json(), option=orjson.OPT_INDENT_2) + b"\n")


def read_contract(folder: Path) -> Contract:
    """Read and check `encoder.json`.

    Raises:
        EncoderError: the folder or file is missing, not JSON, of another format or codec version, or holds a value
            that no encoder can have.
    """
    path = folder / CONTRACT_FILE
    if not path.is_file():
        raise EncoderError(f"{folder} is not an encoder folder: it has no {CONTRACT_FILE}; point --encoder at one")
    try:
        raw = orjson.loads(path.read_bytes())
        _check_versions(raw, path)
        contract = _from_json(raw)
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise EncoderError(f"{path} cannot be read ({_said(error)}): export the encoder again") from error
    check_values(contract, path)
    return contract


def check_files(folder: Path, contract: Contract) -> None:
    """Compare every file's SHA-256 with the contract.

    Raises:
        EncoderError: a file is missing or changed; the message names it.
    """
    for name, expected in contract.files.items():
        path = folder / name
        if not path.is_file():
            raise EncoderError(f"{path} is missing: copy the encoder folder again")
        found = sha256(path)
        if found != expected:
            raise EncoderError(
                f"{path} has SHA-256 {found[:12]}…, the contract says {expected[:12]}…: copy the encoder folder again"
            )


def sha256(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_versions(raw: Mapping[str, Any], path: Path) -> None:  # Any: JSON values
    """Look at the versions before anything else, as another format has other fields."""
    versions = (raw["format_version"], raw["key_codec"])
    if versions != (FORMAT_VERSION, CODEC_VERSION):
        raise EncoderError(
            f"{path} has format {versions[0]} and key codec {versions[1]}, this csplade reads {FORMAT_VERSION} and "
            f"{CODEC_VERSION}: install the csplade that wrote it, or export it again"
        )


def _said(error: Exception) -> str:
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)


def _from_json(raw: dict[str, Any]) -> Contract:  # Any: a JSON object
    literal = raw.pop("literal")
    return Contract(
        document=Side(**raw.pop("document")),
        query=Side(**raw.pop("query")),
        literal=Literal(**literal) if literal else None,
        training=tuple(raw.pop("training", ())),
        **raw,
    )
