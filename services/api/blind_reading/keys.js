const form = document.querySelector("form.answer");
const questions = ["closer", "better"];
const letters = { 1: "A", 2: "B", 0: "cannot_tell" };
let sent = false;
const open = () => questions.find((name) => !form.elements[name].value);
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key in letters) {
    form.elements[open() ?? "better"].value = letters[event.key];
  } else if (event.key === "Backspace") {
    const last = questions.findLast((name) => form.elements[name].value);
    if (last) for (const choice of form.elements[last]) choice.checked = false;
  } else if (event.key === "Enter" && !open() && !event.target.closest("a, button")) {
    form.requestSubmit();
  } else return;
  event.preventDefault();
});
form.addEventListener("submit", (event) => {
  if (sent) event.preventDefault();
  sent = true;
});
addEventListener("pageshow", () => { sent = false; });
