"""The model card of an exported encoder: what its contract knows, in words; pure."""

from csplade.pipelines.contract import Contract, Side
from csplade.pipelines.training_options import QueryPath, ReadingOptions

CARD_FILE = "README.md"

_QUERIES = {
    QueryPath.MODEL: "by the model",
    QueryPath.IDF: "without a model: the idf of their own terms",
    QueryPath.LEARNED: "without a model: a trained weight for each of their own terms",
}


def model_card(contract: Contract, reading: ReadingOptions, terms: int) -> str:
    """Return the card as Markdown."""
    literal = contract.literal
    rows = {
        "base model": f"{contract.base_model} ({contract.base_revision})",
        "licence": contract.licence or "not told",
        "trained on": ", ".join(contract.training) or "not told",
        "attention": contract.attention,
        "BOS, EOS": f"{_yes(contract.add_bos)}, {_yes(contract.add_eos)}",
        "terms": f"{terms} {contract.term_space}, max over positions, log(1 + relu(.))",
        "literal path": "none"
        if literal is None
        else f"{literal.analysis} words, k1 {literal.k1}, b {literal.b}, average length {literal.average_words:g}",
        "documents": _side(contract.document),
        "queries": f"{_side(contract.query)}; {_QUERIES[reading.query_path]}",
        "texts without a term": f"get `{contract.last_resort}`" if contract.last_resort else "have no vector",
        "weights": contract.quantization if contract.quantization != "none" else "float32",
        "fingerprint": contract.fingerprint,
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(
        [
            f"# {contract.name}",
            "",
            "A sparse encoder for OpenSearch and Elasticsearch, written by `csplade export`. `encoder.json` is its "
            "contract;",
            "`csplade inspect --check` recomputes its golden vectors.",
            "",
            "| | |",
            "|---|---|",
            *lines,
            "",
        ]
    )


def _side(side: Side) -> str:
    prefix = f", prefix `{side.prefix}`" if side.prefix else ""
    return f"{side.max_tokens} tokens, at most {side.top_k} expansion terms{prefix}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
