// npm's `openai`: a question, a streamed caption, an error. Prints what it got as one JSON object.
import OpenAI from "openai";
import { readFileSync } from "node:fs";

const [url, picture] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
const image = { type: "image_url", image_url: { url: "data:image/jpeg;base64," + readFileSync(picture).toString("base64") } };
const said = (...texts) => [{ role: "user", content: [image, ...texts.map((text) => ({ type: "text", text }))] }];

const models = (await client.models.list()).data.map((model) => model.id);
const answer = await client.chat.completions.create({ model: "demo", messages: said("how many things are there?") });
const stream = await client.chat.completions.create({
  model: "demo", messages: said(), stream: true, stream_options: { include_usage: true },
});
let caption = "", pieces = 0, usage = null;
for await (const chunk of stream) {
  const piece = chunk.choices[0]?.delta?.content ?? "";
  caption += piece;
  pieces += piece ? 1 : 0;
  usage = chunk.usage ?? usage;
}
let refused = null;
try {
  await client.chat.completions.create({ model: "other", messages: said("what?") });
} catch (error) {
  refused = { kind: error.constructor.name, status: error.status, code: error.code };
}
console.log(JSON.stringify({
  models, answer: answer.choices[0].message.content, otmv: answer.otmv, caption, pieces, usage, refused,
}));
