// An answer: what it says, which blocks ran, why it stopped there, and where the time went.
import { make, milliseconds, percent, the, wide } from "../page.js";

const PHASES = ["decode", "preprocess", "queue", "stem", "blocks", "head"];
const ELSEWHERE = "arrival and checks";

/** Show that an answer is on its way; return what shows its text as it grows. */
export function showWaiting() {
  const said = make("p", { class: "said" });
  the("answer").setAttribute("aria-busy", "true");
  the("answer").replaceChildren(said);
  the("answer").scrollIntoView({ block: "nearest" });
  return (piece) => said.append(piece);
}

/** Show that there is no answer, and why. */
export function showNone(why = "No answer.") {
  the("answer").removeAttribute("aria-busy");
  the("answer").replaceChildren(make("p", { class: "soft" }, why));
}

/** Show an answer of a task. */
export function showAnswer(task, answer) {
  const best = task.best(answer);
  the("answer").replaceChildren(
    make("p", { class: "said" }, task.said(answer)),
    best.length ? bestAnswers(best) : "",
    make("h3", {}, "Blocks that ran"),
    series(answer),
    make("p", {}, whereItStopped(answer)),
    make("p", { class: "soft" }, whyItStopped(answer)),
    make("h3", {}, `Where ${milliseconds(answer.timings_ms.total)} went`),
    ...phases(answer.timings_ms));
  the("answer").removeAttribute("aria-busy");
}

function bestAnswers(best) {
  return make("ul", { class: "top-answers", "aria-label": "Likeliest answers" },
    ...best.map(([name, score]) => make("li", {},
      make("span", { class: "name" }, name),
      make("span", { class: "bar" }, wide(make("i"), score)),
      make("span", { class: "number" }, percent(score)))));
}

function series(answer) {
  const { bits, executed_orders: ran } = answer.skip_pattern;
  const last = Math.max(...ran);
  const blocks = [...bits].map((bit, order) => {
    const lit = bit === "1";
    const block = make("li", {
      class: `block${lit ? " lit" : ""}${order === last ? " stop" : ""}`,
      title: `Order ${order} ${lit ? "ran" : "did not run"}`,
    }, make("span", { "aria-hidden": "true" }, String(order)));
    block.append(make("span", { class: "apart" }, block.title));
    block.style.setProperty("--place", order);
    return block;
  });
  return make("ol", { class: "series" },
    make("li", { class: "block end" }, "stem"), ...blocks,
    make("li", { class: "block end" }, "head"));
}

function whereItStopped(answer) {
  const { variant, executed_blocks: ran, variant_quality: quality } = answer;
  const of = answer.skip_pattern.bits.length;
  const known = quality === null ? "its quality was never measured" : `quality ${quality.toFixed(3)}`;
  return `Variant ${variant} answered: ${ran} of ${of} blocks, ${known}.`;
}

function whyItStopped(answer) {
  return [becauseOf(answer), onTime(answer.deadline_met)].join(" ");
}

function becauseOf({ degraded_because: because, variant }) {
  if (!because) return "The best variant within the limits answered.";
  const needed = `${because.variant} was predicted to need ${milliseconds(because.predicted_ms)}`;
  const left = because.left_ms;
  const had = left === null ? "" : left > 0 ? `, ${milliseconds(left)} were left` : ", none was left";
  return {
    time: `It stopped here because of the deadline: ${needed}${had}. More time goes deeper.`,
    late: `The deadline was too near even for ${variant} (${needed}${had}). Give it more time.`,
    load: `There was time for ${because.variant}, but other requests needed the engine.`,
  }[because.reason];
}

function onTime(met) {
  if (met === null) return "";
  return met ? "It was ready in time." : "It was ready too late.";
}

function phases(timings) {
  const parts = PHASES.map((name) => [name, timings[name]]);
  const sum = parts.reduce((all, [, ms]) => all + ms, 0);
  parts.push([ELSEWHERE, Math.max(0, timings.total - sum)]);
  const all = Math.max(timings.total, sum);
  const bar = parts.map(([name, ms], at) => wide(make("i", { class: `p${at}`, title: name }), ms / all));
  const legend = parts.map(([name, ms], at) => make("li", {},
    make("i", { class: `p${at}` }), `${name} `, make("span", { class: "number" }, milliseconds(ms))));
  return [
    make("div", { class: "phases", "aria-hidden": "true" }, ...bar),
    make("ul", { class: "legend" }, ...legend),
  ];
}
