// What was just done, as lines to copy: for curl, for Python, and for OpenAI's client.
import { make, segments, the } from "../page.js";

const KINDS = [["curl", "curl"], ["python", "Python"], ["openai", "OpenAI"]];
let chosen = "curl";

/** Show the lines of a request; `done` has model, name, task, pictures, fields and hasKey. */
export function showLines(done) {
  const code = make("code");
  const say = () => { code.textContent = LINES[chosen]({ url: location.origin, ...done }); };
  const told = make("span", { class: "small good", role: "status" });
  const copied = async () => {
    told.textContent = await copy(code) ? "Copied" : "Press Ctrl+C to copy";
    setTimeout(() => { told.textContent = ""; }, 3000);
  };
  the("lines").replaceChildren(
    make("div", { class: "lines-head" },
      make("div", { class: "segments", role: "radiogroup", "aria-label": "For" },
        ...segments("lines", KINDS, chosen, (kind) => { chosen = kind; say(); })),
      make("button", { type: "button", click: copied }, "Copy"), told),
    make("pre", { tabindex: "0", role: "region", "aria-label": "Lines to copy" }, code));
  say();
  the("lines-part").hidden = false;
}

async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch { // without TLS browsers have no clipboard for pages: select it instead
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
}

const LINES = {
  curl({ url, name, task, pictures, fields, hasKey }) {
    const parts = [`curl ${task.streams ? "-N " : ""}${url}/v1/${name}`];
    if (hasKey) parts.push('-H "Authorization: Bearer $OTMV_KEY"');
    parts.push(...pictures.map((each) => `-F ${shell(`image=@${each.name}`)}`));
    if (task.streams) parts.push("-F stream=true");
    parts.push(...Object.entries(fields).map(([field, value]) => `-F ${shell(`${field}=${value}`)}`));
    const fetched = examples(pictures).map((each) => `curl -sO ${url}${each.address}\n`).join("");
    return fetched + parts.join(" \\\n  ");
  },

  python({ url, task, pictures, fields, hasKey }) {
    const { [task.field]: asked, ...budget } = fields;
    const limits = Object.entries(budget).map(([limit, value]) => `${limit}=${JSON.stringify(value)}`);
    const given = [
      ...pictures.map((each) => text(each.name)),
      ...(asked === undefined ? [] : [text(asked)]),
      ...(limits.length ? [`RequestBudget(${limits.join(", ")})`] : []),
    ];
    const call = `client.${task.method}(${given.join(", ")})`;
    return [
      `from otmv_serve import OtmvClient${limits.length ? ", RequestBudget" : ""}`,
      "",
      `with OtmvClient(${text(url)}) as client:${hasKey ? "  # the API key: $OTMV_KEY" : ""}`,
      ...(task.streams ? [`    for piece in ${call}:`, "        print(piece)"] : [`    print(${call})`]),
    ].join("\n");
  },

  openai({ url, model, name, task, pictures, fields, hasKey }) {
    const { [task.field]: asked, ...budget } = fields;
    const limits = Object.entries(budget).map(([field, value]) => `${text(field)}: ${JSON.stringify(value)}`);
    const content = [
      ...(asked === undefined ? [] : [`{"type": "text", "text": ${text(asked)}}`]),
      ...pictures.map((each) => `picture(${text(each.name)})`),
    ];
    const key = hasKey ? 'os.environ["OTMV_KEY"]' : '"none"';
    return [
      "import base64",
      ...(hasKey ? ["import os"] : []),
      "",
      "from openai import OpenAI",
      "",
      "",
      "def picture(path):",
      '    data = base64.b64encode(open(path, "rb").read()).decode()',
      '    return {"type": "image_url", "image_url": {"url": f"data:image/*;base64,{data}"}}',
      "",
      "",
      `client = OpenAI(base_url=${text(`${url}/v1`)}, api_key=${key})`,
      "completion = client.chat.completions.create(",
      `    model=${text(`${model}/${name}`)},`,
      '    messages=[{"role": "user", "content": [',
      ...content.map((part) => `        ${part},`),
      "    ]}],",
      ...(limits.length ? [`    extra_body={"budget": {${limits.join(", ")}}},`] : []),
      ")",
      "print(completion.choices[0].message.content)",
    ].join("\n");
  },
};

const examples = (pictures) =>
  pictures.filter((each, at) => each.address && pictures.findIndex((one) => one.name === each.name) === at);

/** Return a text as a shell reads it as one word. */
const shell = (word) => (/^[\w@=.,/:-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** Return a text as Python reads it. */
const text = (value) => JSON.stringify(value);
