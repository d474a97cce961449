// The little of Markdown that our descriptions use: paragraphs, code, and fenced code.
import { make } from "../page.js";

/** Return a description as elements. */
export function prose(text) {
  return text.split("```").flatMap((part, at) => (at % 2
    ? [make("pre", { tabindex: "0" }, make("code", {}, part.replace(/^\w*\n/, "").trimEnd()))]
    : part.split(/\n\s*\n/).filter((each) => each.trim()).map((each) => make("p", {}, ...inline(each)))));
}

/** Return a line with its code as elements. */
export function inline(text) {
  return text.split("`").map((part, at) => (at % 2 ? make("code", {}, part) : part));
}
