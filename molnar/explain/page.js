// Hover or tap a word: its map lies over the picture. Click the picture: which words act there.
const stage = document.querySelector("#stage");
const over = stage.querySelector(".over");
const here = document.querySelector("#here");
const dot = stage.querySelector(".dot");
const told = JSON.parse(document.querySelector("#maps").textContent);
const bytes = told.maps.map((text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
const words = [...document.querySelectorAll("[data-word]")];
let kept = null;

const show = (index) => {
  over.hidden = index === null;
  if (index !== null) over.src = document.querySelector(`#map-${index}`).src;
  for (const word of words) {
    word.classList.toggle("on", word.dataset.word === String(index));
    if (word.tagName === "BUTTON") word.setAttribute("aria-pressed", word.dataset.word === String(kept));
  }
};
for (const word of words) {
  const index = Number(word.dataset.word);
  word.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(index));
  word.addEventListener("pointerleave", () => show(kept));
  word.addEventListener("focus", () => show(index));
  word.addEventListener("blur", () => show(kept));
  word.addEventListener("click", () => show((kept = kept === index ? null : index)));
}
stage.addEventListener("click", (event) => {
  const box = stage.getBoundingClientRect();
  const x = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 0.999);
  const y = Math.min(Math.max((event.clientY - box.top) / box.height, 0), 0.999);
  const at = Math.floor(y * told.side) * told.side + Math.floor(x * told.side);
  const ranked = bytes.map((map, index) => [map[at] / 255, index]).sort((a, b) => b[0] - a[0]);
  dot.hidden = false;
  dot.style.left = `${100 * x}%`;
  dot.style.top = `${100 * y}%`;
  here.replaceChildren(
    ...ranked.slice(0, 6).map(([value, index]) => {
      const row = document.createElement("li");
      const bar = document.querySelector(".words .bar").cloneNode(true);
      bar.firstChild.setAttribute("width", 100 * value);
      row.append(told.words[index], bar, value.toFixed(2));
      return row;
    }),
  );
});
document.documentElement.classList.add("live");
