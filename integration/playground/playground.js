// The page's behaviour: asks the gateway that it came from, shows what comes back, and can be used by keyboard alone.

import { column, element, jumps, keyOf, queryTerms, timeTable } from "./results.js";

const at = (id) => document.getElementById(id);
const indexes = new Map();
let asking = null;

/** Tells in the line below the form what is going on. */
function tell(text, bad = false) {
  at("status").textContent = text;
  at("status").classList.toggle("bad", bad);
}

/** Asks the gateway, and returns its JSON; what it refuses is thrown with its own words. */
async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The gateway does not answer: is it still running?");
  }
  const told = await answer.json().catch(() => null);
  if (answer.ok) return told;
  const error = told?.error;
  throw new Error(typeof error === "string" ? error : error?.reason ?? `The gateway answers ${answer.status}.`);
}

/** Writes the search of an index into the box, unless somebody has changed it. */
function writeBody() {
  const fields = indexes.get(at("index").value)?.fields ?? [];
  const body = at("body");
  if (body.value !== (body.dataset.written ?? "")) return;
  const text = fields.length === 1 ? { match: { [fields[0]]: "{{query}}" } } : { multi_match: { query: "{{query}}", fields } };
  body.dataset.written = body.value = JSON.stringify({ query: text, size: 10 }, null, 2);
}

/** Puts the query where the search has its place. */
function filled(value, query) {
  if (typeof value === "string") return value.replaceAll("{{query}}", () => query);
  if (Array.isArray(value)) return value.map((each) => filled(each, query));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, below]) => [name, filled(below, query)]));
}

function show(told) {
  at("texts").replaceChildren(...queryTerms(told.texts));
  at("terms").hidden = !told.texts.length;
  const bm25 = told.rankings.find(({ mode, hits }) => mode === "bm25" && hits);
  const before = bm25 ? new Map(bm25.hits.map((hit, place) => [keyOf(hit), place + 1])) : null;
  const columns = told.rankings.map((ranking) => column(ranking, before));
  at("rankings").replaceChildren(...columns);
  at("jump").replaceChildren(...jumps(columns));
  at("jump").hidden = columns.length < 2;
  at("time-table").replaceChildren(...timeTable(told));
  at("rankings").hidden = at("times").hidden = false;
}

async function search() {
  let body;
  try {
    body = filled(JSON.parse(at("body").value), at("query").value);
  } catch (error) {
    at("search").open = true;
    tell(`The search is no JSON: ${error.message}`, true);
    return;
  }
  const modes = [...at("modes").querySelectorAll("input:checked")].map(({ value }) => value);
  if (!modes.length) {
    tell("Choose at least one ranking.", true);
    return;
  }
  asking?.abort();
  const mine = (asking = new AbortController());
  at("go").disabled = true;
  tell("Searching…");
  try {
    const told = await ask(`compare/${encodeURIComponent(at("index").value)}?modes=${modes}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: mine.signal,
    });
    show(told);
    tell(told.note ?? `${told.rankings.length} rankings of ${told.index}.`, Boolean(told.note));
    remember();
  } catch (error) {
    if (error.name !== "AbortError") tell(error.message, true);
  } finally {
    if (asking === mine) at("go").disabled = false;
  }
}

/** Keeps query and index behind the address's #, which is never sent anywhere. */
function remember() {
  history.replaceState(null, "", `#${new URLSearchParams({ q: at("query").value, index: at("index").value })}`);
}

async function start() {
  const told = await ask("indexes");
  for (const index of told.indexes) indexes.set(index.name, index);
  at("index").replaceChildren(...told.indexes.map(({ name }) => element("option", { value: name }, name)));
  if (told.encoder) at("about").textContent = `The same search in several modes, from the cluster as it is now; encoder ${told.encoder}.`;
  const wanted = new URLSearchParams(location.hash.slice(1));
  if (indexes.has(wanted.get("index"))) at("index").value = wanted.get("index");
  if (!indexes.size) {
    tell("There is no index that the gateway's configuration has rules for.", true);
    return;
  }
  writeBody();
  at("query").value = wanted.get("q") ?? "";
  if (at("query").value) await search();
}

/** Marks the hits of one document in all rankings. */
function mark(hit) {
  for (const each of document.querySelectorAll(".hit")) {
    each.classList.toggle("same", hit !== null && each.dataset.document === hit.dataset.document);
  }
}

/** Returns where an arrow key leads from a hit. */
function next(hit, key) {
  if (key === "ArrowDown") return hit.nextElementSibling;
  if (key === "ArrowUp") return hit.previousElementSibling;
  const columns = [...document.querySelectorAll(".ranking")];
  const other = columns[columns.indexOf(hit.closest(".ranking")) + (key === "ArrowRight" ? 1 : -1)];
  const hits = [...(other?.querySelectorAll(".hit") ?? [])];
  return hits.find((each) => each.dataset.document === hit.dataset.document) ?? hits[0];
}

at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
at("index").addEventListener("change", writeBody);
at("rankings").addEventListener("focusin", ({ target }) => mark(target.closest(".hit")));
at("rankings").addEventListener("focusout", () => mark(null));
at("rankings").addEventListener("mouseover", ({ target }) => mark(target.closest(".hit")));
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "/" && !event.target.closest("input, textarea, select")) {
    event.preventDefault();
    at("query").focus();
  } else if (event.key.startsWith("Arrow") && event.target.matches(".hit")) {
    const found = next(event.target, event.key);
    if (!found) return;
    event.preventDefault();
    found.focus();
  }
});
start().catch((error) => tell(error.message, true));
at("query").focus();
