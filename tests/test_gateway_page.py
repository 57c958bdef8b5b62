"""The page of comparisons as people use it, in a real Chromium: by mouse, by keyboard, on a phone, on hostile texts."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from csplade.tests.gateway_searches import Stage, stage
from csplade.tests.word_encoder import word_vector

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SHOTS = os.environ.get("CSPLADE_SCREENSHOTS")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine: apt-get install chromium"),
]

TEXT = "fresh salted bread"
HOSTILE = '<img src=x onerror="window.bitten=1"><script>window.bitten=1</script>'
PATIENCE_MS = 120_000
WIDE: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "is_mobile": True,
    "has_touch": True,
    "color_scheme": "dark",
}


@pytest.fixture(scope="module")
def staged(opensearch: str) -> Iterator[Stage]:
    with stage(opensearch, "replace", gateway={"deadline_ms": 10_000}) as running:
        text = f"{HOSTILE} fresh fresh fresh bread"
        weights = {**word_vector(text).weights, "<b>fresh": 3.0}
        source = {"title": HOSTILE, "text": text, "csplade_terms": weights}
        running.direct.index(index=running.index("replace"), id=HOSTILE, body=source, params={"refresh": "true"})
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"], timeout=PATIENCE_MS)
        yield launched
        launched.close()


class Shown:
    """A page that has been opened, and everything that went wrong in it."""

    def __init__(self, browser: "Browser", staged: Stage, options: "dict[str, Any] | None" = None) -> None:
        self.context = browser.new_context(**options or {})
        self.context.set_default_timeout(PATIENCE_MS)
        self.page = self.context.new_page()
        self.trouble: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", self._said)
        self.page.on("pageerror", self._failed)
        self.page.on("request", self._requested)
        self.page.goto(f"{staged.gateway.url}/_csplade/")
        # Its policy lets no test evaluate a condition again and again.
        self.page.wait_for_selector("#index option", state="attached")
        self.page.select_option("#index", staged.index("replace"))

    def _said(self, said: "ConsoleMessage") -> None:
        if said.type in ("error", "warning"):
            self.trouble.append(said.text)

    def _failed(self, error: "Error") -> None:
        self.trouble.append(str(error))

    def _requested(self, asked: "Request") -> None:
        self.asked.append(asked.url)

    def search(self, text: str) -> None:
        self.page.fill("#query", text)
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector(".ranking .hit")
        self.page.wait_for_selector("#go:not([disabled])")

    def picture(self, name: str) -> None:
        if SHOTS:
            self.page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


@pytest.fixture
def shown(browser: "Browser", staged: Stage) -> Iterator[Shown]:
    opened = Shown(browser, staged, WIDE)
    yield opened
    opened.context.close()


def answered(staged: Stage, mode: str, text: str) -> list[str]:
    """Return the ids that this ranking has, as the gateway tells."""
    body = {"query": {"multi_match": {"query": text, "fields": ["title", "text", "summary", "note"]}}, "size": 10}
    answer = staged.ask("POST", f"/_csplade/compare/{staged.index('replace')}?modes={mode}", body)
    return [hit["id"] for hit in orjson.loads(answer.body)["rankings"][0]["hits"]]


def ids(page: "Page", mode: str) -> list[str]:
    found: list[str] = page.locator(f'[data-mode="{mode}"] .hit .id').all_inner_texts()
    return found


def places(page: "Page", *modes: str) -> list[Any]:  # Any: Playwright's, of x, y, width and height
    return [page.locator(f'[data-mode="{mode}"]').bounding_box() for mode in modes]


def test_rankings_stand_side_by_side_and_moves_are_right(shown: Shown, staged: Stage) -> None:
    shown.search(TEXT)
    page = shown.page
    before = {identity: rank for rank, identity in enumerate(ids(page, "bm25"), 1)}
    assert len(before) == 10
    kinds = set()
    for mode in ("replace", "hybrid"):
        assert ids(page, mode) == answered(staged, mode, TEXT)
        moves = page.locator(f'[data-mode="{mode}"] .hit .move').all_inner_texts()
        for rank, (identity, move) in enumerate(zip(ids(page, mode), moves, strict=True), 1):
            gained = before[identity] - rank if identity in before else None
            kinds.add(gained is None or (gained > 0) - (gained < 0))
            expected = "new" if gained is None else "=" if not gained else f"{'▲' if gained > 0 else '▼'} {abs(gained)}"
            assert move == expected
    assert {True, -1} <= kinds
    boxes = places(page, "bm25", "replace", "hybrid")
    assert len({box["y"] for box in boxes}) == 1
    assert sorted(boxes, key=lambda box: box["x"]) == boxes
    assert not page.locator("#jump").is_visible()
    assert shown.trouble == []
    shown.picture("wide")


def test_terms_of_query_and_hits_are_chips_with_their_weights(shown: Shown) -> None:
    shown.search(TEXT)
    chips = shown.page.locator("#texts .chip")
    told = {chip.split()[0]: float(chip.split()[1]) for chip in chips.all_inner_texts()}
    assert told == {word: pytest.approx(weight, abs=0.01) for word, weight in word_vector(TEXT)}
    first = shown.page.locator('[data-mode="replace"] .hit').first
    parts = [float(text.split()[-1]) for text in first.locator(":scope > .chips .chip").all_inner_texts()]
    assert sum(parts) == pytest.approx(float(first.locator(".score").inner_text()), rel=0.01)
    widths = [
        chip.evaluate("chip => getComputedStyle(chip).getPropertyValue('--share')")
        for chip in first.locator(":scope > .chips .chip").all()
    ]
    assert widths[0] == "100%"
    assert {text.split()[0] for text in first.locator(":scope > .chips .chip").all_inner_texts()} <= {*TEXT.split()}


def test_the_rewritten_body_and_the_times_can_be_read(shown: Shown) -> None:
    shown.search(TEXT)
    sent = shown.page.locator('[data-mode="replace"] .sent')
    sent.locator("summary").click()
    body = orjson.loads(sent.locator("pre").inner_text())
    boosts = [clause["rank_feature"]["boost"] for clause in _features(body)]
    assert set(boosts) == {weight for _, weight in word_vector(TEXT)}
    rows = shown.page.locator("#time-table tbody tr").all()
    assert len(rows) == 4
    assert rows[0].locator("th").inner_text() == "encoding the query (deadline 10,000 ms)"
    whole = [float(cell) for cell in rows[2].locator("td").all_inner_texts()]
    assert len(whole) == 3
    assert min(whole) > 0


def _features(value: object) -> list[Any]:  # Any: JSON objects
    if isinstance(value, dict):
        own = [value] if "rank_feature" in value else []
        return own + [found for below in value.values() for found in _features(below)]
    return [found for each in value for found in _features(each)] if isinstance(value, list) else []


def test_an_edited_search_is_the_one_that_is_compared(shown: Shown) -> None:
    shown.page.click("#search summary")
    shown.page.fill("#body", '{"query": {"match": {"title": "{{query}}"}}, "size": 2}')
    shown.search('say "bread"')
    assert len(ids(shown.page, "bm25")) == 2
    sent = shown.page.locator('[data-mode="bm25"] .sent')
    sent.locator("summary").click()
    assert orjson.loads(sent.locator("pre").inner_text())["query"] == {"match": {"title": 'say "bread"'}}
    shown.page.fill("#body", "{")
    shown.page.click("#go")
    shown.page.wait_for_selector("#status.bad")
    assert "no JSON" in shown.page.inner_text("#status")


def test_no_text_of_the_index_becomes_script_or_asks_another_host(shown: Shown, staged: Stage) -> None:
    shown.search("fresh")
    page = shown.page
    assert HOSTILE in ids(page, "replace")
    hit = page.locator('[data-mode="replace"] .hit', has=page.locator(".id", has_text=HOSTILE))
    assert hit.locator(".title").inner_text() == HOSTILE
    shown.search(HOSTILE)
    assert page.evaluate("window.bitten") is None
    assert page.locator("img, main script").count() == 0
    assert all(url.startswith(f"{staged.gateway.url}/_csplade/") for url in shown.asked)
    assert shown.trouble == []


def test_the_policy_stops_what_the_page_itself_would_do_wrong(browser: "Browser", staged: Stage) -> None:
    opened = Shown(browser, staged)
    page = opened.page
    refused = page.evaluate(
        "() => { try { document.body.innerHTML = '<b>'; return false } catch (error) { return true } }"
    )
    page.evaluate(
        "() => { const inline = document.createElement('style'); inline.textContent = 'body{color:red}';"
        " document.head.append(inline) }"
    )
    outside = page.evaluate("() => fetch('http://127.0.0.1:9/').then(() => 'sent', error => 'stopped')")
    assert refused
    assert outside == "stopped"
    assert any("Content Security Policy" in said for said in opened.trouble)
    opened.context.close()


def test_the_page_is_used_by_keyboard_alone(shown: Shown) -> None:
    page = shown.page
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "query"
    page.keyboard.type(TEXT)
    page.keyboard.press("Enter")
    page.wait_for_selector(".ranking .hit")
    here, there = ids(page, "bm25"), ids(page, "replace")
    page.locator('[data-mode="bm25"] .hit').first.focus()
    page.keyboard.press("ArrowDown")
    focused, place = "document.activeElement.querySelector('.id').innerText", "closest('.ranking').dataset.mode"
    assert page.evaluate(focused) == here[1]
    page.keyboard.press("ArrowUp")
    # To the same hit in the next ranking, or to its first if it is not there; there are hits of both kinds.
    assert set(here) & set(there[1:])
    assert set(here) - set(there)
    for number, identity in enumerate(here):
        page.locator('[data-mode="bm25"] .hit').nth(number).focus()
        assert page.evaluate(focused) == identity
        page.keyboard.press("ArrowRight")
        assert page.evaluate(f"document.activeElement.{place}") == "replace"
        assert page.evaluate(focused) == (identity if identity in there else there[0])
    shape = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert shape == "solid"


def test_all_of_it_fits_a_phone_also_in_the_dark(browser: "Browser", staged: Stage) -> None:
    opened = Shown(browser, staged, PHONE)
    opened.search(TEXT)
    page = opened.page
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    first, second = places(page, "bm25", "replace")
    assert first["y"] == second["y"]
    assert first["width"] < 360 < second["x"] + second["width"]
    # What lies beside cannot be seen, so names tell of it, and lead there.
    names = page.locator("#jump button")
    assert names.all_inner_texts() == ["BM25", "CSPLADE", "Hybrid"]
    assert "Swipe" in page.inner_text("#jump")
    page.wait_for_selector('#jump [aria-current="true"]:text("BM25")')
    opened.picture("phone-dark-first")
    names.nth(2).scroll_into_view_if_needed()
    height = page.evaluate("scrollY")
    names.nth(2).click()
    page.wait_for_selector('#jump [aria-current="true"]:text("Hybrid")')
    assert page.evaluate("scrollY") == height
    page.wait_for_selector('#jump [aria-current="false"]:text("BM25")')
    page.locator('[data-mode="replace"]').evaluate("column => column.scrollIntoView({inline: 'center'})")
    (second,) = places(page, "replace")
    assert second["x"] >= 0
    assert second["x"] + second["width"] <= 360
    page.wait_for_selector('#jump [aria-current="true"]:text("CSPLADE")')
    opened.picture("phone-dark")
    opened.context.close()


CONTRAST = """
() => {
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (text) => {
    const [red, green, blue] = parts(text).map((part) => part / 255)
      .map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if (parts(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const texts = [...document.querySelectorAll("body *")].filter((element) =>
    element.checkVisibility() && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  return texts.map((element) => {
    const [one, other] = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => b - a);
    return [(one + 0.05) / (other + 0.05), element.outerHTML.slice(0, 80)];
  });
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(browser: "Browser", staged: Stage, scheme: str) -> None:
    opened = Shown(browser, staged, {**WIDE, "color_scheme": scheme})
    opened.search(TEXT)
    found = opened.page.evaluate(CONTRAST)
    assert len(found) > 50
    # What WCAG 2.1 asks of ordinary text at level AA.
    assert [text for ratio, text in found if ratio < 4.5] == []
    opened.picture(f"wide-{scheme}")
    opened.context.close()


def test_an_address_with_a_query_shows_its_rankings(browser: "Browser", staged: Stage) -> None:
    opened = Shown(browser, staged)
    opened.search(TEXT)
    address = opened.page.url
    assert TEXT.replace(" ", "+") in address
    opened.page.goto("about:blank")
    opened.page.goto(address)
    opened.page.wait_for_selector(".ranking .hit")
    assert ids(opened.page, "replace") == answered(staged, "replace", TEXT)
    # What stands behind the # is never sent.
    assert not [url for url in opened.asked if "fresh" in url]
    opened.context.close()
