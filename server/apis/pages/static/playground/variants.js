// Every variant side by side: the same request to each, one after another.
import { make, milliseconds, percent, the } from "../page.js";
import { ask } from "./server.js";

const LIT = "●";
const DARK = "○";

/** Ask every variant in `offers`; a table grows by a row for each. */
export async function askAll(name, task, given, fields, offers) {
  const rows = make("tbody");
  const table = make("table", {},
    make("thead", {}, make("tr", {}, ...["Variant", "Blocks", "Answer", "Quality", "Time"]
      .map((head) => make("th", { scope: "col" }, head)))),
    rows);
  the("all").replaceChildren(make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Table of all variants" }, table));
  the("all-part").hidden = false;
  const { max_latency_ms, min_quality, on_miss, ...own } = fields; // a named variant has no rivals
  for (const offer of offers) {
    const body = await ask(name, given, { ...own, variant: offer.variant });
    rows.append(row(task, offer, body.answers[0]));
  }
}

function row(task, offer, answer) {
  const best = task.best(answer);
  const said = best.length ? `${task.said(answer)} (${percent(best[0][1])})` : task.said(answer);
  const dots = [...offer.skip_pattern.bits].map((bit) => (bit === "1" ? LIT : DARK)).join("");
  return make("tr", {},
    make("th", { scope: "row" }, offer.variant),
    make("td", {},
      make("span", { class: "dots", "aria-hidden": "true" }, dots),
      make("span", { class: "apart" }, `${offer.executed_blocks} blocks`)),
    make("td", {}, said),
    make("td", { class: "number" }, offer.quality === null ? "unknown" : offer.quality.toFixed(3)),
    make("td", { class: "number" }, milliseconds(answer.timings_ms.total)));
}
