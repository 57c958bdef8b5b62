"""Writes the table of docs/rewriting.md from the cases of the tests: `python -m csplade.tests.rewriting_page`."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from csplade.integration.rewrite_report import Outcome
from csplade.tests.rewrite_case import Case, Json, shown
from csplade.tests.rewrite_cases import CASES
from csplade.tests.rewrite_template_cases import TEMPLATE_CASES, TemplateCase

PAGE = Path(__file__).resolve().parent.parent / "docs" / "rewriting.md"
_BEGIN = "<!-- The table begins: `python -m csplade.tests.rewriting_page` writes it. -->\n"
_END = "<!-- The table ends. -->"
_UNCHANGED = {Outcome.KEPT: "kept", Outcome.PASSED: "passes", Outcome.REFUSED: "refused"}


def page(text: str) -> str:
    """Return the page with the table as the cases say."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    table = "\n".join(_lines())
    return f"{before}{_BEGIN}\n{table}\n{_END}{after}"


def _lines() -> Iterator[str]:
    for group, cases in groupby(CASES, key=lambda case: case.group):
        yield from (f"### {group}", "", "| what | comes in | is sent | decided by |", "|---|---|---|---|")
        yield from map(_row, cases)
        yield ""
    yield from ("### templates", "", "| what | comes in | stands for | how that is found out |", "|---|---|---|---|")
    yield from map(_template_row, TEMPLATE_CASES)
    yield ""


def _template_row(case: TemplateCase) -> str:
    found = "the cluster fills it" if case.asked else "here"
    return f"| {case.about} | {_cell(case.template)} | {_cell(case.search)} | {found} |"


def _row(case: Case) -> str:
    unchanged = case.sent is None and case.more_sent is None
    query, more = case.sent or case.query, case.more if case.more_sent is None else case.more_sent
    goes = _UNCHANGED[case.outcome] if unchanged else _part(query, more)
    configured = {f"{name}: {policy}" for name, policy in case.policy.items()} - {case.decided}
    decided = "; ".join(text for text in (case.decided, *sorted(configured)) if text)
    return f"| {case.about} | {_part(case.query, case.more)} | {goes} | {decided or '–'} |"


def _part(query: Json | None, more: Json) -> str:
    """Return a query, or a body with more in it."""
    body = query if query is not None and not more else {**({} if query is None else {"query": query}), **more}
    return _cell(body)


def _cell(body: Json) -> str:
    # A bar would end the cell.
    return f"`{shown(body)}`".replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
