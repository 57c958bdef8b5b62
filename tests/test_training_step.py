"""Steps of training: a tiny model learns, and reports what it saw."""

import dataclasses

import pytest
import torch
from csplade.pipelines.batch_order import order
from csplade.pipelines.graph import Role
from csplade.pipelines.training_data import Example
from csplade.pipelines.training_model import TrainingModel, Window
from csplade.pipelines.training_options import LossOptions, ReadingOptions
from csplade.pipelines.training_step import StepOptions, StepReport, backward, window_at
from csplade.tests.training_parts import EXAMPLES, PIECES, WORDS, collator, training_model

# No word of a query stands in its document: only the expansion can learn them.
_PAIRS = [
    Example(query, (document,), None, "pairs", line)
    for line, (query, document) in enumerate(
        [
            ("stale crystallises", "The pump failed in 2019"),
            ("wrap the loaf", "plants turn light"),
            ("sugar", "running runner"),
            ("pressure rose", "bread in cloth"),
            ("valve stuck", "joined in Zürich"),
            ("same word", "Plants turn into sugar"),
            ("three times", "valve half open"),
            ("Москва", "the loaf of bread"),
            ("light", "pressure and pump"),
            ("running", "starch crystallises"),
            ("joined", "word runs"),
            ("open", "東京"),
        ],
        start=1,
    )
]
_STEPS = 40


def _right(model: TrainingModel, reading: ReadingOptions) -> float:
    """Return the share of queries whose own document comes first."""
    batch = collator(reading)(_PAIRS, 0, seed=0)
    with torch.no_grad():
        encoded = model(batch)
    best = (encoded.queries.vectors @ encoded.documents.vectors.T).argmax(dim=1)
    return float((best == batch.targets()).float().mean())


@pytest.mark.parametrize("reading", [WORDS, PIECES])
def test_a_dozen_pairs_are_learned(reading: ReadingOptions) -> None:
    model, collate = training_model(reading), collator(reading)
    positions = order([example.source for example in _PAIRS], 6, seed=0, one_source=False)
    options = StepOptions(LossOptions(flops_query=1e-4, flops_document=1e-4), _STEPS)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    before, reports = _right(model, reading), list[StepReport]()
    for step in range(_STEPS):
        optimizer.zero_grad()
        batch = collate([_PAIRS[place] for place in positions(step)], 0, seed=step)
        reports.append(backward(model, batch, None, options, step))
        optimizer.step()
    first, last = (sum(report.total for report in part) for part in (reports[:6], reports[-6:]))
    assert last < first / 2
    assert _right(model, reading) > max(0.9, before)
    assert min(report.active_document_terms for report in reports) > 0


def test_the_report_counts_expansion_terms_and_those_of_no_text() -> None:
    model, batch = training_model(), collator()(EXAMPLES, 1, seed=0)
    report = backward(model, batch, None, StepOptions(LossOptions(), 10), step=3)
    with torch.no_grad():
        queries = model.encode(batch.queries, Role.QUERY, batch.extra).expansion > 0
        documents = model.encode(batch.documents, Role.DOCUMENT, batch.extra).expansion > 0
    assert report.active_query_terms == pytest.approx(queries.sum().item() / 4)
    assert report.active_document_terms == pytest.approx(documents.sum().item() / 8)
    assert report.dead_terms == int((~torch.cat([queries, documents]).any(dim=0)).sum())
    assert report.parts.keys() == {"contrastive", "flops_query", "flops_document"}


def test_a_focusing_window_reaches_the_model() -> None:
    options = LossOptions(focus_start=8, focus_end=4, focus_share=0.5, focus_query=0.5)
    batch = collator()(EXAMPLES, 0, seed=0)
    report = backward(training_model(), batch, None, StepOptions(options, 10), step=0)
    assert (report.active_query_terms, report.active_document_terms) == (4, 8)
    assert window_at(options, 0, 10) == Window(4, 8)
    assert window_at(options, 5, 10) == Window(0, 0)
    assert window_at(dataclasses.replace(options, focus_query=0.01), 0, 10) == Window(1, 8)
