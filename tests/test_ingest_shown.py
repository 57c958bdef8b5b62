"""What `csplade ingest` prints of texts that were cut."""

import orjson
import pytest
from csplade.commands.ingest_shown import cut_of, print_report
from csplade.integration.ingest_report import IngestReport
from csplade.pipelines.encode_counts import Counts
from csplade.tests.word_encoder import WordEncoder

REPORT = IngestReport(5, 5, 0, 2.0)


class Telling(WordEncoder):
    counts = Counts(texts=5, cut=2, passages=5, tokens=40)


def test_an_encoder_that_does_not_tell_leaves_it_open(capsys: pytest.CaptureFixture[str]) -> None:
    assert cut_of(WordEncoder()) is None
    print_report(REPORT, 5, None, "articles", as_json=True)
    out, err = capsys.readouterr()
    assert (orjson.loads(out)["cut"], err) == (None, "")


@pytest.mark.parametrize("as_json", [True, False])
def test_cut_texts_are_told(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    assert cut_of(Telling()) == 2
    print_report(REPORT, 5, cut_of(Telling()), "articles", as_json)
    out, err = capsys.readouterr()
    assert "Of 2 texts the model did not see the end: an index made with --long max has them whole." in err
    assert not as_json or orjson.loads(out)["cut"] == 2
