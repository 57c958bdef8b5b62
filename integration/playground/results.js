// What the gateway answers becomes elements. Texts of the index are only ever set as text, never read as HTML.

export const TITLES = { bm25: "BM25", replace: "CSPLADE", hybrid: "Hybrid", anchored: "Anchored" };
const ABOUT = {
  bm25: "The search as it came.",
  replace: "Term weights instead of BM25.",
  hybrid: "The sum of both.",
  anchored: "BM25 decides what matches, term weights decide the order.",
};
const FIRST_CHIPS = 24;

/** Makes an element with properties and children; a child that is a string becomes text. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** Shows a number with as many digits as tell something. */
export function shown(number) {
  return number >= 100 ? number.toFixed(0) : number >= 10 ? number.toFixed(1) : number.toFixed(2);
}

/** Returns how a document moved: its rank in the other ranking, from 1 on, undefined if it is not there. */
export function move(rank, before, of) {
  if (before === undefined) return { kind: "new", sign: "new", told: `not among BM25's first ${of}` };
  const places = before - rank;
  if (places === 0) return { kind: "same", sign: "=", told: "the same rank as with BM25" };
  const [kind, sign] = places > 0 ? ["up", "▲"] : ["down", "▼"];
  return { kind, sign: `${sign} ${Math.abs(places)}`, told: `rank ${before} with BM25` };
}

/** Returns whether a term, which may be a stem, is one that a text begins a word with. */
export function standsIn(term, text) {
  const begins = [term, term.endsWith("i") ? `${term.slice(0, -1)}y` : term];
  const words = text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? [];
  return words.some((word) => begins.some((begin) => word.startsWith(begin)));
}

/** Lists terms as chips; the bar behind each is its share of the heaviest. */
export function chips(terms, label) {
  const heaviest = Math.max(...terms.map(({ value }) => value), 0);
  const made = terms.map(({ term, value, kind, told }) => {
    const chip = element("li", { className: `chip ${kind ?? ""}`, title: told ?? "" });
    chip.append(element("span", { className: "term" }, term), element("span", { className: "weight" }, shown(value)));
    if (heaviest > 0) chip.style.setProperty("--share", `${Math.max(0, (100 * value) / heaviest)}%`);
    return chip;
  });
  const rest = made.splice(FIRST_CHIPS);
  const list = element("ul", { className: "chips", "aria-label": label }, ...made);
  if (!rest.length) return [list];
  return [list, element("details", {}, element("summary", {}, `${rest.length} more`), element("ul", { className: "chips" }, ...rest))];
}

/** Shows the vectors of the texts that a search holds. */
export function queryTerms(texts) {
  return texts.flatMap(({ text, terms }) => {
    const told = terms.map(([term, value]) => {
      const added = !standsIn(term, text);
      return { term, value, kind: added ? "added" : "", told: added ? "not a word of the query: added by the encoder" : "" };
    });
    const title = element("p", {}, `“${text}”: ${terms.length} terms; dashed ones are not words of it.`);
    return [title, ...(terms.length ? chips(told, `Terms of ${text}`) : [])];
  });
}

/** Names the rankings where they do not fit beside each other; each name leads to its column, and the one seen is marked. */
export function jumps(columns) {
  const links = new Map(columns.map((column) => {
    const link = element("button", { type: "button" }, TITLES[column.dataset.mode]);
    // Sideways only: a column is higher than the window, and its reader should stay where he is.
    link.addEventListener("click", () => {
      const row = column.parentElement;
      row.scrollBy({ left: column.getBoundingClientRect().left - row.getBoundingClientRect().left });
    });
    return [column, link];
  }));
  const seen = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) links.get(target).setAttribute("aria-current", String(isIntersecting));
  }, { threshold: 0.6, rootMargin: "10000px 0px" });
  for (const column of columns) seen.observe(column);
  return [element("span", { className: "note" }, "Swipe ↔"), ...links.values()];
}

/** Shows one ranking as a column; `before` are BM25's ranks by document, or null. */
export function column(ranking, before) {
  const made = element("section", { className: "ranking", "aria-labelledby": `ranking-${ranking.mode}` });
  made.dataset.mode = ranking.mode;
  made.append(element("h3", { id: `ranking-${ranking.mode}` }, TITLES[ranking.mode]));
  made.append(element("p", { className: "note" }, ABOUT[ranking.mode]));
  if (ranking.error) made.append(element("p", { className: "bad" }, ranking.error));
  else {
    made.append(element("p", { className: "soft total" }, totalOf(ranking)));
    const hits = ranking.hits.map((hit, place) => hitOf(hit, place + 1, ranking.mode === "bm25" ? null : before));
    made.append(element("ol", {}, ...hits));
  }
  made.append(sent(ranking));
  return made;
}

function totalOf({ total, hits }) {
  if (!total) return `${hits.length} hits`;
  const count = typeof total === "number" ? { value: total, relation: "eq" } : total;
  return `${count.relation === "gte" ? "at least " : ""}${count.value.toLocaleString("en")} documents match`;
}

function hitOf(hit, rank, before) {
  const made = element("li", { className: "hit", tabIndex: 0 });
  made.dataset.document = keyOf(hit);
  const head = element("div", { className: "head" }, element("span", { className: "rank" }, `${rank}.`));
  if (before) {
    const { kind, sign, told } = move(rank, before.get(keyOf(hit)), before.size);
    const signed = element("span", { className: `move ${kind}`, title: told, role: "img", "aria-label": told }, sign);
    head.append(signed);
  }
  if (hit.title) head.append(element("span", { className: "title" }, hit.title));
  head.append(element("span", { className: "score", title: "score" }, hit.score === null ? "no score" : shown(hit.score)));
  made.append(head);
  if (hit.snippet) made.append(element("p", { className: "snippet" }, hit.snippet));
  made.append(element("p", { className: "id" }, hit.id));
  const parts = hit.parts.map(({ term, from, value, query, document }) => ({
    term,
    value,
    kind: from === "sparse" ? "" : from,
    told: query === null || document === null ? "" : `query ${shown(query)} × document ${shown(document)}`,
  }));
  if (parts.length) made.append(...chips(parts, "What adds up to the score"));
  if (hit.weights.length) {
    const weights = hit.weights.map(([term, value]) => ({ term, value }));
    const summary = element("summary", {}, "Heaviest terms of the document");
    made.append(element("details", {}, summary, ...chips(weights, "Terms of the document")));
  }
  return made;
}

function sent(ranking) {
  const summary = ranking.mode === "bm25" ? "Search sent" : "Search sent, rewritten";
  const made = element("details", { className: "sent" }, element("summary", {}, summary));
  for (const { path, clause, outcome, policy, reason } of ranking.decisions) {
    made.append(element("p", { className: "note" }, `${path} ${clause}: ${outcome}${policy ? ` (${policy})` : ""}. ${reason}`));
  }
  made.append(element("pre", { tabIndex: 0, "aria-label": summary }, JSON.stringify(ranking.body, null, 2)));
  return made;
}

/** Names a document in the whole cluster. */
export function keyOf({ index, id }) {
  return JSON.stringify([index, id]);
}

/** Shows what took how long. */
export function timeTable({ texts, rankings, deadline_ms }) {
  const encoding = texts.reduce((sum, { ms }) => sum + ms, 0);
  const rows = [
    [`encoding the query (deadline ${deadline_ms.toLocaleString("en")} ms)`, ({ mode }) => (mode === "bm25" ? null : encoding)],
    ["rewriting the search", ({ mode, rewriting_ms }) => (mode === "bm25" ? null : rewriting_ms)],
    ["cluster, there and back", ({ ms }) => ms],
    ["cluster, as it says", ({ took }) => took ?? null],
  ];
  const titles = rankings.map(({ mode }) => element("th", { scope: "col" }, TITLES[mode]));
  const head = element("thead", {}, element("tr", {}, element("td"), ...titles));
  const lines = rows.map(([name, of]) => {
    const cells = rankings.map((ranking) => element("td", {}, of(ranking) === null ? "–" : shown(of(ranking))));
    return element("tr", {}, element("th", { scope: "row" }, name), ...cells);
  });
  return [head, element("tbody", {}, ...lines)];
}
