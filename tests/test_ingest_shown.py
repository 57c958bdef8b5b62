"""What `csplade ingest` prints of texts that were cut, and of what the model ran on."""

import orjson
import pytest
from csplade.commands.ingest_shown import Told, print_report, told_by
from csplade.integration.ingest_report import IngestReport
from csplade.pipelines.encode_counts import Counts
from csplade.tests.word_encoder import WordEncoder

REPORT = IngestReport(5, 5, 0, 2.0)


class Telling(WordEncoder):
    counts = Counts(texts=5, cut=2, passages=5, tokens=40)
    runs_on = ("CUDAExecutionProvider", "CPUExecutionProvider")


def test_an_encoder_that_does_not_tell_leaves_it_open(capsys: pytest.CaptureFixture[str]) -> None:
    assert told_by(WordEncoder()) == Told()
    print_report(REPORT, 5, Told(), "articles", as_json=True)
    out, err = capsys.readouterr()
    assert (orjson.loads(out)["cut"], orjson.loads(out)["runs_on"], err) == (None, None, "")
    print_report(REPORT, 5, Told(), "articles", as_json=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("as_json", [True, False])
def test_cut_texts_are_told(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    print_report(REPORT, 5, told_by(Telling()), "articles", as_json)
    out, err = capsys.readouterr()
    assert "Of 2 texts the model did not see the end: an index made with --long max has texts whole." in err
    assert not as_json or orjson.loads(out)["cut"] == 2


def test_windows_are_no_texts_and_get_no_advice(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(REPORT, 5, told_by(Telling(), windows=True), "articles", as_json=False)
    err = capsys.readouterr().err
    assert "Of 2 windows of long texts the model did not see the end" in err
    assert "--long" not in err


def test_what_the_model_ran_on_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(REPORT, 5, told_by(Telling()), "articles", as_json=False)
    assert "Texts were encoded on CUDA.\n" in capsys.readouterr().err
    print_report(REPORT, 5, told_by(Telling()), "articles", as_json=True)
    out, err = capsys.readouterr()
    assert orjson.loads(out)["runs_on"] == list(Telling.runs_on) and "encoded on" not in err
    print_report(REPORT, 5, Told(runs_on=Telling.runs_on[1:]), "articles", as_json=False)
    assert "Texts were encoded on CPU" in capsys.readouterr().err
