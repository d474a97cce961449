// The sliders for deadline and quality, and what they mean for the variants there are.
import { milliseconds, the } from "../page.js";

const NONE = 81; // the last place of the deadline's slider: the server's own
const FASTEST_MS = 1;
const PLACES_PER_TENFOLD = 20;

/** Return the deadline of a place of the slider, in milliseconds; null: the server's own. */
function deadlineOf(place) {
  if (place >= NONE) return null;
  return +(FASTEST_MS * 10 ** (place / PLACES_PER_TENFOLD)).toPrecision(2);
}

/** Return the fields of a form that the sliders stand for. */
export function budgetFields() {
  const deadline = deadlineOf(+the("deadline").value);
  const quality = +the("quality").value;
  return {
    ...(deadline === null ? {} : { max_latency_ms: deadline }),
    ...(quality > 0 ? { min_quality: quality } : {}),
    ...(the("reject").checked ? { on_miss: "reject" } : {}),
  };
}

/** Say what the sliders mean now; `offers` are the variants of the chosen task. */
export function sayBudget(offers) {
  const deadline = deadlineOf(+the("deadline").value);
  say("deadline", deadline === null ? "the server's own" : milliseconds(deadline));
  const quality = +the("quality").value;
  say("quality", quality === 0 ? "any" : `${quality.toFixed(2)}${fitting(offers, quality)}`);
}

function fitting(offers, quality) {
  const known = offers.filter((each) => each.quality !== null);
  if (known.length === 0) return "";
  const fits = known.filter((each) => each.quality >= quality).map((each) => each.variant);
  return fits.length ? ` · ${fits.join(", ")}` : " · no variant";
}

function say(name, text) {
  the(`${name}-said`).textContent = text;
  the(name).setAttribute("aria-valuetext", text);
}
