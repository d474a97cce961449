// What is asked of the server. The API key lives in this module's memory and nowhere else.

let key = "";

/** Use an API key from now on. */
export function useKey(given) {
  key = given.trim();
}

/** Whether an API key is used. */
export const hasKey = () => key !== "";

/** A request that was refused or failed, as RFC 9457 tells it. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `The server answered with status ${status}.`);
    this.status = status;
    this.body = body;
    this.kind = (body.type || "").replace("urn:otmv:problem:", "");
  }
}

/** Return the JSON that a path answers with. */
export async function read(path) {
  return (await send(path)).json();
}

/** Ask a task; `fields` are those of its form. Return the body of the answer. */
export async function ask(task, pictures, fields) {
  return (await send(`/v1/${task}`, { method: "POST", body: form(pictures, fields) })).json();
}

/** Ask a task for a text while it is written: `onText` gets each piece. Return the whole body. */
export async function askInPieces(task, pictures, fields, onText) {
  const body = form(pictures, { ...fields, stream: true });
  const response = await send(`/v1/${task}`, { method: "POST", body });
  for await (const { event, data } of events(response.body)) {
    if (event === "token") onText(data.text);
    else if (event === "done") return data;
    else if (event === "error") throw new Problem(data.status, data);
  }
  throw new Error("The answer broke off. Is the server still running?");
}

async function send(path, options = {}) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit" });
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  if (response.ok) return response;
  throw new Problem(response.status, await response.json().catch(() => ({})));
}

function form(pictures, fields) {
  const filled = new FormData();
  for (const picture of pictures) filled.append("image", picture.file, picture.name);
  for (const [name, value] of Object.entries(fields)) filled.append(name, String(value));
  return filled;
}

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    yield* parts.map(eventOf);
  }
}

function eventOf(text) {
  const lines = Object.fromEntries(text.split("\n").map((line) => {
    const at = line.indexOf(":");
    return [line.slice(0, at), line.slice(at + 1).trim()];
  }));
  return { event: lines.event, data: JSON.parse(lines.data) };
}
