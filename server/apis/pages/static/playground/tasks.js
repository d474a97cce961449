// The tasks that this page knows: one object each. What the server has of them is shown.

/**
 * label: what the choice is called. pictures: how many. field: what its text is called in a form,
 * null without one. text: what the text is called here. example: a text to begin with. streams:
 * whether it is written piece by piece. method: of the Python client. said: the answer in words.
 * best: the likeliest answers.
 */
export const TASKS = {
  vqa: {
    label: "Ask",
    pictures: ["Picture"],
    field: "question",
    text: "Question",
    example: "what color is the large circle?",
    streams: false,
    method: "ask",
    said: (answer) => answer.answer,
    best: (answer) => answer.top_k.map((each) => [each.answer, each.score]),
  },
  caption: {
    label: "Caption",
    pictures: ["Picture"],
    field: null,
    streams: true,
    method: "stream_caption",
    said: (answer) => answer.caption,
    best: () => [],
  },
  reason: {
    label: "Compare",
    pictures: ["Left picture", "Right picture"],
    field: "statement",
    text: "Statement about both",
    example: "both images contain a green circle",
    streams: false,
    method: "reason",
    said: (answer) => (answer.answer ? "true" : "false"),
    best: (answer) => [[answer.answer ? "true" : "false", answer.score]],
  },
};
