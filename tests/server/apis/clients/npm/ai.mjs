// Vercel's AI SDK with `@ai-sdk/openai-compatible`: a question, and a streamed caption.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import { readFileSync } from "node:fs";

const [url, picture] = process.argv.slice(2);
const otmv = createOpenAICompatible({ name: "otmv", baseURL: `${url}/v1` });
const image = { type: "file", data: readFileSync(picture), mediaType: "image/jpeg" };
const said = (...texts) => [{ role: "user", content: [image, ...texts.map((text) => ({ type: "text", text }))] }];

const answer = await generateText({ model: otmv("demo"), messages: said("how many things are there?"), maxRetries: 0 });
const stream = streamText({ model: otmv("demo"), messages: said("describe this image"), maxRetries: 0 });
const pieces = [];
for await (const piece of stream.textStream) pieces.push(piece);
console.log(JSON.stringify({
  answer: answer.text, finish: answer.finishReason, caption: pieces.join(""), pieces: pieces.length,
}));
