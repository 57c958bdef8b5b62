"""Tables of query weights that are published beside masked language models."""

from pathlib import Path

import pytest
from csplade.pipelines.errors import SourceError
from csplade.pipelines.layout_masked import query_table

pytestmark = pytest.mark.model


def test_pieces_of_query_weights_may_hold_what_ends_lines_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "query_token_weights.txt"
    pieces = {"bread": 2.5, "a\u0085b": 1.0, "c\u2028d": 3.0, "e\x0cf": 0.5, "\t": 4.0}
    for end in ("\n", "\r\n"):
        path.write_bytes("".join(f"{piece}\t{weight}{end}" for piece, weight in pieces.items()).encode())
        assert query_table(path) == pieces
    path.write_bytes(path.read_bytes().rstrip())
    assert query_table(path) == pieces
    path.write_bytes(b"caf\xe9\t1.0\n")
    with pytest.raises(SourceError, match=r"is no table of weights by piece \('utf-8' codec .*: copy the model again"):
        query_table(path)
