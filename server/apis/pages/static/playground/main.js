// The playground: begins with what the server serves, and asks it what its visitor wants to know.
import { showAnswer, showNone, showWaiting } from "./answer.js";
import { budgetFields, sayBudget } from "./budget.js";
import { showLines } from "./lines.js";
import { watch } from "./now.js";
import { make, percent, segments, the } from "../page.js";
import { focusMissing, pictures, showExamples, showPlaces, takePasted } from "./pictures.js";
import { Problem, ask, askInPieces, hasKey, read, useKey } from "./server.js";
import { TASKS } from "./tasks.js";
import { askAll } from "./variants.js";

const LOADING_MS = 500;
const BEFORE = "Choose a picture, ask, and see how deep the model went.";
let served = null; // what /v1/variants says
let name = null; // the chosen task
let busy = false; // whether an answer is on its way
const texts = {}; // the text of each task

async function begin() {
  try {
    served = await read("/v1/variants");
  } catch (problem) {
    if (problem.kind === "not-ready") return whileLoading();
    the("served").textContent = "";
    return told(problem);
  }
  the("key-form").hidden = true;
  sayServed();
  const known = Object.keys(TASKS).filter((task) => served.tasks.includes(task));
  if (!known.length) return told(new Error("This model has no task that this page can ask. See the API reference."));
  the("tasks").replaceChildren(
    ...segments("task", known.map((task) => [task, TASKS[task].label]), known[0], choose));
  the("playground").hidden = false;
  showExamples(takeExample);
  the("examples-part").hidden = unread(TASKS.vqa.example).length > 0;
  choose(known[0]);
  watch();
}

async function whileLoading() {
  const { state, phase, done_share: done } = await read("/healthz");
  the("served").textContent = `The model is ${state}: ${phase}, ${percent(done)}`;
  setTimeout(begin, LOADING_MS);
}

function sayServed() {
  const about = served.domain ? `, which knows ${served.domain.about}` : "";
  the("served").textContent = `serves ${served.model}${about}`;
}

function choose(task) {
  if (name) texts[name] = the("text").value;
  name = task;
  const { field, text, example, label, pictures: needed } = TASKS[name];
  showPlaces(needed, () => told(null));
  showNone(BEFORE);
  the("all-part").hidden = true;
  the("text-part").hidden = field === null;
  the("text-name").textContent = text ?? "";
  the("text").required = field !== null;
  the("text").value = texts[name] ?? (unread(example ?? "").length ? "" : example ?? "");
  the("ask").textContent = label;
  sayUnread();
  sayBudget(offers());
}

function takeExample(question) {
  if (TASKS[name].field === TASKS.vqa.field) {
    the("text").value = question;
    sayUnread();
  }
}

/** Return the variants of the chosen task that can answer now, the shallowest first. */
function offers() {
  return served.variants
    .filter((each) => each.task === name && each.resident)
    .sort((a, b) => a.executed_blocks - b.executed_blocks);
}

/** Return the words of a text that the model has never read. */
function unread(text) {
  const known = served.domain?.words ?? [];
  if (!known.length) return [];
  return [...new Set(text.toLowerCase().match(/\p{L}+/gu) ?? [])].filter((word) => !known.includes(word));
}

function sayUnread() {
  const words = unread(the("text").value);
  the("unread").textContent = words.length
    ? `The model has never read ${words.map((word) => `“${word}”`).join(", ")}: its answer is a guess.` : "";
}

/** Return what is asked, or null after saying what is missing. */
function request() {
  const task = TASKS[name];
  const given = pictures();
  if (given.includes(null)) {
    told(new Error(given.length > 1 ? "Give two pictures first." : "Give a picture first: drop, paste or choose one, or take an example."));
    focusMissing();
    return null;
  }
  const own = task.field === null ? {} : { [task.field]: the("text").value };
  return { model: served.model, name, task, pictures: given, fields: { ...own, ...budgetFields() }, hasKey: hasKey() };
}

async function answer() {
  const asked = request();
  if (!asked) return;
  const { task, fields } = asked;
  const grow = showWaiting();
  const body = task.streams
    ? await askInPieces(asked.name, asked.pictures, fields, grow)
    : await ask(asked.name, asked.pictures, fields);
  showAnswer(task, body.answers[0]);
  showLines(asked);
}

async function answerAll() {
  const asked = request();
  if (!asked || !the("asking").reportValidity()) return;
  await askAll(asked.name, asked.task, asked.pictures, asked.fields, offers());
}

/** Do one thing at a time; say what went wrong with it. */
async function attempt(act, otherwise) {
  if (busy) return;
  told(null);
  setBusy(true);
  try {
    await act();
  } catch (problem) {
    told(problem);
    otherwise?.();
  }
  setBusy(false);
}

function setBusy(now) { // not disabled: a button that is would lose the focus
  busy = now;
  for (const id of ["ask", "ask-all"]) the(id).setAttribute("aria-disabled", String(now));
}

const WHAT_TO_DO = {
  "no-variant-fits": "Lower the quality that you ask for.",
  "deadline-unattainable": "Give it more time, or allow a late answer.",
  "deadline-expired": "Give it more time, or ask again.",
  "image-format": "Send a JPEG, PNG, WebP, GIF, BMP or TIFF.",
  "image-unreadable": "Save the picture again, or take another.",
  "image-too-large": "Scale the picture down.",
  "body-too-large": "Scale the picture down.",
  internal: "That is a fault of the server: report the request's id.",
};

/** Say what went wrong, and what to do; null: nothing. */
function told(problem) {
  the("trouble").replaceChildren();
  if (!problem) return;
  if (problem.kind === "unauthorized") {
    const wrong = hasKey();
    the("key-form").hidden = false;
    the("key").focus();
    if (!wrong) return;
  }
  const wait = problem.body?.retry_after_s;
  const todo = WHAT_TO_DO[problem.kind] ?? (wait ? `Try again in ${Math.ceil(wait)} s.` : "");
  const id = problem instanceof Problem && problem.status >= 500 ? ` (request ${problem.body.request_id})` : "";
  const said = problem.message.charAt(0).toUpperCase() + problem.message.slice(1).replace(/[^.!?]$/, "$&.");
  the("trouble").append(make("p", { class: "trouble" },
    make("strong", {}, problem.body?.title ? `${problem.body.title}. ` : ""), `${said} ${todo}${id}`));
  the("trouble").scrollIntoView({ block: "nearest" });
}

the("asking").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(answer, () => showNone());
});
the("ask-all").addEventListener("click", () => attempt(answerAll));
the("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey(the("key").value);
  the("key").value = "";
  told(null);
  begin();
});
the("text").addEventListener("input", sayUnread);
for (const id of ["deadline", "quality"]) the(id).addEventListener("input", () => sayBudget(offers()));
takePasted();
begin();
