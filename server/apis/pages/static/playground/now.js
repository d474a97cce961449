// What the server does now: counts are read every two seconds while the page can be seen.
import { make, percent, the, wide } from "../page.js";
import { read } from "./server.js";

const EVERY_MS = 2000;
const SAMPLES = 15; // half a minute
const SHADES = 5; // colours of variants

let watched = false;
let samples = [];

/** Begin to show it. */
export function watch() {
  if (watched) return;
  watched = true;
  let wait = EVERY_MS;
  const look = async () => {
    if (!document.hidden) {
      try {
        keep({ at: performance.now(), ...await read("/v1/activity") });
        show();
        wait = EVERY_MS;
      } catch (problem) {
        wait = Math.min(60000, Math.max(2 * wait, 1000 * (problem.body?.retry_after_s ?? 0)));
        the("now").replaceChildren(make("p", { class: "soft" }, problem.message));
        samples = [];
      }
    }
    setTimeout(look, wait);
  };
  look();
}

function keep(sample) {
  const last = samples.at(-1);
  if (last && sample.offered < last.offered) samples = []; // another process counts from zero
  samples = [...samples, sample].slice(-SAMPLES);
}

function show() {
  const [first, last] = [samples[0], samples.at(-1)];
  const seconds = (last.at - first.at) / 1000;
  const offered = last.offered - first.offered;
  const onTime = last.on_time - first.on_time;
  const rate = seconds > 0 ? offered / seconds : 0;
  the("now").replaceChildren(
    make("dl", { class: "tiles" },
      tile("requests per second", rate < 10 ? rate.toFixed(1) : String(Math.round(rate))),
      tile("on time", offered > 0 ? percent(onTime / offered) : "–"),
      tile("open now", String(last.open_requests))),
    ...shares(first, last),
    make("p", { class: "soft small" }, seconds > 0 ? `In the last ${Math.round(seconds)} s.` : "Watching from now on."));
}

function tile(name, value) {
  return make("div", {}, make("dt", {}, name), make("dd", {}, value));
}

function shares(first, last) {
  const before = byVariant(first);
  const grown = Object.entries(byVariant(last))
    .sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))
    .map(([variant, count], at) => [variant, count - (before[variant] ?? 0), `p${at % SHADES}`])
    .filter(([, count]) => count > 0);
  const all = grown.reduce((sum, [, count]) => sum + count, 0);
  if (!all) return [];
  return [
    make("h3", {}, "Variants that answered"),
    make("div", { class: "phases", "aria-hidden": "true" },
      ...grown.map(([, count, shade]) => wide(make("i", { class: shade }), count / all))),
    make("ul", { class: "legend" }, ...grown.map(([variant, count, shade]) => make("li", {},
      make("i", { class: shade }), `${variant} `,
      make("span", { class: "number" }, percent(count / all))))),
  ];
}

function byVariant(sample) {
  const counts = {};
  for (const { variant, answered } of sample.answered) {
    counts[variant] = (counts[variant] ?? 0) + answered;
  }
  return counts;
}
