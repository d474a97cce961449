// The API's reference: what /openapi.json says, as a page.
import { make, the } from "../page.js";
import { bodyOf, fieldsTable, parametersTable } from "./schemas.js";
import { prose } from "./prose.js";

const METHODS = ["get", "post", "put", "patch", "delete"];

async function begin() {
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    show(await answer.json());
  } catch (error) {
    the("routes").replaceChildren(make("p", { class: "trouble" },
      `The document /openapi.json cannot be read (${error.message}). Load this page again.`));
  }
  the("to-playground").hidden = !(await fetch("/", { method: "HEAD" }).catch(() => ({}))).ok;
}

function show(document) {
  the("version").textContent = document.info.version;
  the("about").replaceChildren(...prose(document.info.description ?? ""));
  const tags = {};
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS.filter((each) => each in item)) {
      const operation = item[method];
      (tags[operation.tags?.[0] ?? "other"] ??= []).push(route(document, path, method, operation));
    }
  }
  the("routes").replaceChildren(...Object.entries(tags).map(([tag, routes]) =>
    make("section", { "aria-label": tag }, make("h2", {}, tag), ...routes)));
  the("wanted").addEventListener("input", () => filter(the("wanted").value.trim().toLowerCase()));
}

function route(document, path, method, operation) {
  const inside = make("div");
  const shown = make("details", {
    class: "route",
    toggle: () => shown.open && !inside.firstChild && inside.append(...told(document, operation)),
  }, make("summary", {},
    make("code", { class: "method" }, method.toUpperCase()),
    make("code", { class: "path" }, path),
    make("span", { class: "soft" }, operation.summary ?? "")), inside);
  shown.words = `${method} ${path} ${JSON.stringify(operation)}`.toLowerCase();
  return shown;
}

/** Return what a route's part says; made when it is opened first. */
function told(document, operation) {
  const parts = [make("div", { class: "said" }, ...prose(operation.description ?? ""))];
  const parameters = operation.parameters ?? [];
  if (parameters.length) parts.push(make("h3", {}, "Parameters"), parametersTable(document, parameters));
  for (const [type, { schema }] of Object.entries(operation.requestBody?.content ?? {})) {
    parts.push(make("h3", {}, "Body as ", make("code", {}, type)), bodyOf(document, schema));
  }
  parts.push(make("h3", {}, "Answers"), answers(document, operation.responses));
  return parts;
}

function answers(document, responses) {
  const rows = Object.entries(responses).map(([status, response]) => {
    const says = make("td", { class: "says" }, ...prose(response.description ?? ""));
    const [type, content] = Object.entries(response.content ?? {})[0] ?? [];
    if (status.startsWith("2") && content?.schema) {
      says.append(make("details", { class: "inner" },
        make("summary", {}, type), bodyOf(document, content.schema)));
    }
    return make("tr", {}, make("th", { scope: "row" }, status), says);
  });
  return fieldsTable(["Status", "Meaning"], rows);
}

function filter(wanted) {
  for (const section of the("routes").children) {
    let any = false;
    for (const shown of section.querySelectorAll("details.route")) {
      shown.hidden = wanted !== "" && !shown.words.includes(wanted);
      any ||= !shown.hidden;
    }
    section.hidden = !any;
  }
}

begin();
