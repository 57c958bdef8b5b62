// An ordinary program with the JavaScript client of OpenSearch that measures a ranking; it knows nothing of gateways.
// Its input is {question: {id: grade}}; what it writes, the mean of nDCG@10 over the questions.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Client } = createRequire(`${process.cwd()}/package.json`)("@opensearch-project/opensearch");
const [url, index] = process.argv.slice(2);
const client = new Client({ node: url, requestTimeout: 120_000 });
const judged = Object.entries(JSON.parse(readFileSync(0, "utf8")));

// Järvelin and Kekäläinen (2002), with the grade as gain.
const gained = (grades) => grades.slice(0, 10).reduce((sum, grade, place) => sum + grade / Math.log2(place + 2), 0);

let total = 0;
for (const [question, grades] of judged) {
  const body = { query: { match: { text: question } }, size: 10, _source: false };
  const { hits } = (await client.search({ index, body })).body.hits;
  const best = Object.values(grades).sort((one, other) => other - one);
  total += gained(hits.map(({ _id }) => grades[_id] ?? 0)) / gained(best);
}
console.log(JSON.stringify({ "nDCG@10": total / judged.length, questions: judged.length }));
