// The pictures that are asked about: dropped, pasted, chosen, or an example.
import { make, the } from "../page.js";

// Scenes 7, 22, 14 and 37 of the demo's world with seed 20260, 192 pixels wide.
const EXAMPLES = [
  ["shapes-1.jpg", "what color is the large circle?"],
  ["shapes-2.jpg", "how many objects are there?"],
  ["shapes-3.jpg", "where is the yellow square?"],
  ["shapes-4.jpg", "is there a red circle in the picture?"],
];

let places = []; // one for each picture of the task: its element and its picture
let onChange = () => {};
let turn = 0; // where the next example or pasted picture goes

/** Show a place for each of these names; what is there already stays. */
export function showPlaces(names, changed) {
  const kept = places.map((place) => place.picture);
  onChange = changed;
  turn = 0;
  places = names.map((name, at) => newPlace(name, at));
  the("pictures").replaceChildren(...places.map((place) => place.element));
  places.forEach((place, at) => kept[at] && put(place, kept[at]));
}

/** Return the pictures in order; null for each that is missing. */
export const pictures = () => places.map((place) => place.picture);

/** Put the focus on the first place without a picture. */
export function focusMissing() {
  places.find((place) => !place.picture)?.element.querySelector("input").focus();
}

/** Show the examples; choosing one calls `onChosen` with its question. */
export function showExamples(onChosen) {
  the("examples").replaceChildren(...EXAMPLES.map(([name, question], at) => {
    const address = `/assets/playground/examples/${name}`;
    const take = async () => {
      const file = await (await fetch(address)).blob();
      put(next(), { name, file, address });
      onChosen(question);
    };
    const image = make("img", { src: address, alt: `Example ${at + 1}: coloured shapes` });
    return make("li", {}, make("button", { type: "button", click: take }, image));
  }));
}

/** Take pictures that are pasted anywhere on the page. */
export function takePasted() {
  document.addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files].find(isPicture);
    if (!file) return;
    event.preventDefault();
    put(next(), { name: file.name || "pasted.png", file });
  });
  // A picture that is dropped beside its place would take the place of this page.
  for (const kind of ["dragover", "drop"]) {
    document.addEventListener(kind, (event) => event.preventDefault());
  }
}

const isPicture = (file) => file.type.startsWith("image/");

function next() {
  const free = places.findIndex((place) => !place.picture);
  const at = free >= 0 ? free : turn % places.length;
  turn = at + 1;
  return places[at];
}

function newPlace(name, at) {
  const drop = make("span", { class: "drop soft small" }, ...invitation());
  const input = make("input", {
    type: "file", accept: "image/*", "aria-label": name,
    change: () => input.files[0] && put(place, { name: input.files[0].name, file: input.files[0] }),
  });
  const element = make("div", {
    class: "picture",
    dragover: () => element.classList.add("over"),
    dragleave: () => element.classList.remove("over"),
    drop: (event) => {
      element.classList.remove("over");
      const file = [...event.dataTransfer.files].find(isPicture);
      event.preventDefault();
      if (file) put(places[at], { name: file.name, file });
    },
  }, input, drop);
  const place = { name, element, input, drop, picture: null };
  return place;
}

const invitation = () => [make("strong", {}, "Drop, paste or choose"), "a picture"];

function put(place, picture) {
  place.picture = picture;
  const image = make("img", { alt: "" });
  image.src = URL.createObjectURL(picture.file);
  image.onload = () => URL.revokeObjectURL(image.src);
  place.drop.replaceChildren(image, make("span", { class: "caption" }, picture.name));
  place.element.classList.add("full");
  place.input.setAttribute("aria-label", `${place.name}: ${picture.name}. Choose another`);
  onChange();
}
