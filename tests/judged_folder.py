"""A judged collection of a test, written as a BEIR folder."""

from dataclasses import dataclass
from pathlib import Path

import orjson


@dataclass(frozen=True)
class Judged:
    """Documents and queries by id, and the grade of documents by query."""

    texts: dict[str, str]
    queries: dict[str, str]
    judgments: dict[str, dict[str, int]]

    def write(self, folder: Path) -> None:
        """Write `corpus.jsonl`, `queries.jsonl` and `qrels/test.tsv`; the folder must be new."""
        (folder / "qrels").mkdir(parents=True)
        corpus = [{"_id": name, "title": "", "text": text} for name, text in self.texts.items()]
        queries = [{"_id": name, "text": text} for name, text in self.queries.items()]
        (folder / "corpus.jsonl").write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in corpus))
        (folder / "queries.jsonl").write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in queries))
        rows = [f"{q}\t{d}\t{grade}" for q, grades in self.judgments.items() for d, grade in grades.items()]
        (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *rows, ""]))
