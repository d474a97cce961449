// JSON schemas as tables: the fields of an object, their types, and what is said of them.
import { make } from "../page.js";
import { inline } from "./prose.js";

const DEEPEST = 4;

/** Return a table with these heads. */
export function fieldsTable(heads, rows) {
  return make("div", { class: "wide", tabindex: "0" }, make("table", {},
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
    make("tbody", {}, ...rows)));
}

/** Return the parameters of a route as a table. */
export function parametersTable(document, parameters) {
  return fieldsTable(["Name", "Where", "Type", "Meaning"], parameters.map((given) => {
    const each = resolve(document, given);
    return make("tr", {},
      make("th", { scope: "row" }, make("code", {}, each.name)),
      make("td", {}, each.in),
      make("td", {}, typeOf(document, each.schema)),
      make("td", { class: "says" }, ...inline(each.description ?? "")));
  }));
}

/** Return a body's schema: its fields, or what else it is. */
export function bodyOf(document, schema, depth = 0) {
  const whole = merged(document, schema);
  if (!Object.keys(whole.properties ?? {}).length) {
    return make("p", {}, typeOf(document, schema), " ", ...inline(whole.description ?? ""));
  }
  const needed = new Set(whole.required ?? []);
  return fieldsTable(["Field", "Type", "Meaning"], Object.entries(whole.properties).map(
    ([name, field]) => row(document, name, field, needed.has(name), depth)));
}

function row(document, name, field, needed, depth) {
  const own = merged(document, field);
  const says = make("td", { class: "says" }, ...inline(meaning(own, needed)));
  const inner = innerOf(document, field);
  if (inner && depth < DEEPEST) {
    const shown = make("details", {
      class: "inner",
      toggle: () => shown.open && shown.children.length < 2 && shown.append(bodyOf(document, inner, depth + 1)),
    }, make("summary", {}, `fields of ${name}`));
    says.append(shown);
  }
  return make("tr", {},
    make("th", { scope: "row" }, make("code", {}, name)),
    make("td", {}, typeOf(document, field)), says);
}

function meaning(field, needed) {
  const parts = [needed ? "Required." : "", field.deprecated ? "Deprecated." : "", field.description ?? ""];
  if (field.default !== undefined && field.default !== null && typeof field.default !== "object") {
    parts.push(`Default: ${field.default}.`);
  }
  return parts.filter(Boolean).join(" ");
}

/** Return the schema of what is inside a field: of the object, of the list's objects, else null. */
function innerOf(document, field) {
  const choices = [field, ...(field.anyOf ?? []), ...(field.oneOf ?? [])]
    .map((each) => resolve(document, each))
    .map((each) => (each.items ? merged(document, each.items) : merged(document, each)));
  return choices.find((each) => Object.keys(each.properties ?? {}).length) ?? null;
}

function typeOf(document, schema, depth = 0) {
  if (!schema || depth > DEEPEST) return "any";
  if (schema.$ref) return typeOf(document, resolve(document, schema), depth + 1);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" or ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices && !schema.properties) {
    return [...new Set(choices.map((each) => typeOf(document, each, depth + 1)))].join(" or ");
  }
  if (schema.type === "array") return `list of ${typeOf(document, schema.items, depth + 1)}`;
  if (Array.isArray(schema.type)) return schema.type.join(" or ");
  return (schema.format === "binary" ? "file" : schema.type) ?? (schema.properties ? "object" : "any");
}

/** Return a schema with what it refers to, and with all parts of an `allOf` in one. */
function merged(document, schema) {
  const own = resolve(document, schema ?? {});
  const parts = (own.allOf ?? []).map((each) => merged(document, each));
  return parts.reduce((all, each) => ({
    ...all, ...each, properties: { ...all.properties, ...each.properties },
  }), own);
}

function resolve(document, given) {
  if (!given.$ref) return given;
  const found = given.$ref.slice(2).split("/").reduce((at, part) => at[part], document);
  const { $ref, ...beside } = given;
  return { ...resolve(document, found), ...beside };
}
