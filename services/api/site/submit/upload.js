// Shows how much of the book has been sent; without script the form sends it by itself.
const form = document.querySelector("form.fields");
const [bar, sending, failed] = ["progress", ".sending", ".failed"].map((name) => form.querySelector(name));
const show = (share) => {
  bar.value = Math.round(100 * share);
  bar.parentElement.hidden = share === null;
};
const fail = (message) => {
  show(null);
  sending.textContent = "";
  failed.textContent = message;
};
const explain = (request) => {
  try {
    const { error } = JSON.parse(request.responseText);
    return [error.message, error.next_step].filter(Boolean).join("\n");
  } catch {
    return `The book could not be sent (${request.status}).`;
  }
};
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!bar.parentElement.hidden) return;
  const body = new FormData();
  body.append("purpose", "fine-tune");
  body.append("file", form.elements.file.files[0]);
  const request = new XMLHttpRequest();
  request.upload.addEventListener("progress", ({ loaded, total }) => show(loaded / total));
  request.addEventListener("error", () => fail("The connection was lost. Send the book again."));
  request.addEventListener("load", () => {
    if (request.status !== 200) return fail(explain(request));
    const { id } = JSON.parse(request.responseText);
    const wishes = new FormData(form);
    wishes.delete("file");
    location.assign(`/submit/${id}?${new URLSearchParams(wishes)}`);
  });
  failed.textContent = "";
  sending.textContent = "Sending the book …";
  show(0);
  request.open("POST", "/v1/files");
  request.send(body);
});
addEventListener("pageshow", () => fail(""));
