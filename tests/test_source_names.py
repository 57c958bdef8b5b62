"""Names of sources: short, and different where the sources are."""

from pathlib import Path

import pytest
from csplade.pipelines.source_names import source_names
from csplade.pipelines.training_data import read_examples


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["pairs.jsonl", "more.jsonl.gz", "-"], ["pairs", "more", "standard input"]),
        (["en/pairs.jsonl", "de/pairs.jsonl", "de/others.jsonl"], ["en/pairs", "de/pairs", "others"]),
        (["a/x/pairs.jsonl", "b/x/pairs.jsonl", "y/pairs.jsonl"], ["a/x/pairs", "b/x/pairs", "y/pairs"]),
        (["pairs.jsonl", "pairs.jsonl.gz"], ["pairs.jsonl", "pairs.jsonl.gz"]),
        (["en/pairs.jsonl", "./de/../en/pairs.jsonl"], ["pairs", "pairs"]),
        (["en.v1", "en.v1/pairs.jsonl"], ["en.v1", "pairs"]),
        (["en.v1", "other/en.v1"], ["here/en.v1", "other/en.v1"]),
    ],
)
def test_names_are_as_short_as_they_can_be(
    paths: list[str], names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same file, named twice, is one source; folders have no endings."""
    for folder in ("here/en.v1", "here/other/en.v1", "here/de"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert source_names([Path(path) for path in paths]) == names


def test_files_of_one_stem_are_sources_of_their_own(tmp_path: Path) -> None:
    paths = [tmp_path / language / "pairs.jsonl" for language in ("en", "de")]
    for path in paths:
        path.parent.mkdir()
        path.write_text('{"query": "bread", "positive": "stale"}\n')
    assert [example.source for example in read_examples(paths)] == ["en/pairs", "de/pairs"]
