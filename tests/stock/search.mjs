// An ordinary program with the JavaScript client of OpenSearch; it knows nothing of gateways.

import { createRequire } from "node:module";

const { Client } = createRequire(`${process.cwd()}/package.json`)("@opensearch-project/opensearch");
const [url, index] = process.argv.slice(2);
const client = new Client({ node: url, requestTimeout: 120_000 });
const text = { match: { text: "fresh salted bread" } };
const query = { bool: { must: [text], filter: [{ range: { year: { gte: 1995 } } }] } };
const aggs = { langs: { terms: { field: "lang" } } };

const found = await client.search({ index, body: { query, aggs, size: 20, highlight: { fields: { text: {} } } } });
const whole = await client.search({ index, body: { query: text, size: 1000 } });
const several = await client.msearch({ body: [{ index }, { query: text }, { index }, { query, size: 0 }] });
const counted = await client.count({ index, body: { query: text } });
const pit = (await client.createPit({ index, keep_alive: "1m" })).body.pit_id;
const paged = [];
for (let last = []; ; ) {
  const after = last.length ? { search_after: last.at(-1).sort } : {};
  const sort = ["_score", { _id: "asc" }];
  last = (await client.search({ body: { query: text, size: 9, pit: { id: pit }, sort, ...after } })).body.hits.hits;
  if (!last.length) break;
  paged.push(...last.map(({ _id }) => _id));
}
await client.deletePit({ body: { pit_id: [pit] } });
const scanned = [];
for await (const page of client.helpers.scrollSearch({ index, body: { query: text, size: 7 } })) {
  scanned.push(...page.body.hits.hits.map(({ _id }) => _id));
}
const written = await client.bulk({
  index,
  refresh: true,
  body: [{ index: { _id: "stock" } }, { text: "written by a stock client", year: 2001 }],
});
const got = await client.get({ index, id: "stock", _source_includes: ["text", "year"] });
let refused;
try {
  await client.search({ index, body: { query: { nonsense: {} } } });
} catch (error) {
  refused = [error.name, error.statusCode];
}

const { hits, aggregations } = found.body;
console.log(
  JSON.stringify({
    ids: hits.hits.map(({ _id }) => _id),
    sources: Object.fromEntries(whole.body.hits.hits.map(({ _id, _source }) => [_id, _source])),
    shown: Object.fromEntries(hits.hits.map(({ _id, highlight }) => [_id, highlight.text])),
    same: {
      total: hits.total,
      aggregations,
      totals: several.body.responses.map(({ hits }) => hits.total),
      count: counted.body.count,
      paged: paged.sort(),
      scanned: scanned.sort(),
      errors: written.body.errors,
      got: got.body._source,
      refused,
    },
    answers: { search: found.body, several: several.body, count: counted.body, written: written.body },
  }),
);
