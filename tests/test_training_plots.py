"""Plots of a log: which curves there are, and that real pictures come out."""

from pathlib import Path
from typing import Any

import pytest
from csplade.pipelines.errors import SourceError
from csplade.pipelines.training_log import TrainingLog, read_log
from csplade.pipelines.training_plots import plots_of, running_mean, write_plots


def lines(steps: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"step": 0, "development": {"nDCG@10": 0.1}}]
    for step in range(1, steps + 1):
        losses = {"total": 3.0 / step, "contrastive": 2.0 / step, "flops_query": 0.1, "flops_document": 0.2}
        found.append({"step": step, "losses": losses, "document_terms": 90.0, "query_terms": 20.0})
    return [*found, {"step": steps, "development": {"nDCG@10": 0.4}}]


def test_each_picture_has_the_curves_of_the_log() -> None:
    found = {plot.name: plot for plot in plots_of(lines(3))}
    assert {name: [curve.label for curve in plot.curves] for name, plot in found.items()} == {
        "loss": ["total", "contrastive"],
        "active-terms": ["document", "query"],
        "flops": ["document", "query"],
        "development": ["nDCG@10"],
    }
    assert found["development"].curves[0].steps == (0, 3)
    assert found["development"].curves[0].values == (0.1, 0.4)
    assert found["flops"].curves[0].values == (0.2, 0.2, 0.2)


def test_a_picture_without_numbers_is_left_out() -> None:
    assert [plot.name for plot in plots_of([{"step": 1, "losses": {"total": 1.0}}])] == ["loss"]


@pytest.mark.parametrize("steps", [5, 300])
def test_pictures_are_png_files_of_their_size(tmp_path: Path, steps: int) -> None:
    paths = write_plots(lines(steps), tmp_path / "plots")
    assert [path.name for path in paths] == ["loss.png", "active-terms.png", "flops.png", "development.png"]
    for path in paths:
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert (int.from_bytes(content[16:20]), int.from_bytes(content[20:24])) == (1200, 675)


def test_a_running_mean_begins_with_fewer_values() -> None:
    assert running_mean([1.0, 3.0, 5.0, 7.0], 2) == [1.0, 2.0, 4.0, 6.0]


def test_a_log_that_is_opened_again_forgets_the_steps_that_are_done_again(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with TrainingLog(path) as log:
        for step in (1, 2, 3):
            log.write({"step": step})
    path.write_bytes(path.read_bytes() + b'{"step": 4, "lo')
    assert [line["step"] for line in read_log(path)] == [1, 2, 3]
    with TrainingLog(path, from_step=2) as log:
        log.write({"step": 3, "again": True})
    assert read_log(path) == [{"step": 1}, {"step": 2}, {"step": 3, "again": True}]


def test_a_line_that_is_no_line_of_a_log_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"step": 1}\nhello\n{"step": 2}\n')
    with pytest.raises(SourceError, match=f"{path} line 2 is no line"):
        read_log(path)
