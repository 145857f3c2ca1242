// Fetches the page again every two seconds and replaces its live parts that have changed, until none is live any more.
// Without script, loading the page again shows the same.
const PAUSE = 2000;
const sources = new Map();
const localise = (root) => {
  for (const time of root.querySelectorAll("time")) {
    time.textContent = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  }
};
const replace = (old, fresh) => {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceChildren(...fresh.childNodes);
  localise(old);
  const same = focused?.id ? document.getElementById(focused.id) : null;
  same?.focus({ preventScroll: true });
};
// Its style has another nonce than this page's, and is not needed.
const parse = (text) => new DOMParser().parseFromString(text.replace(/<style[^]*?<\/style>/, ""), "text/html");
const update = (page) => {
  document.title = page.title;
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(old.id);
    if (!fresh?.hasAttribute("data-live")) old.removeAttribute("data-live");
    if (!fresh || sources.get(old.id) === fresh.innerHTML) continue;
    sources.set(old.id, fresh.innerHTML);
    replace(old, fresh);
  }
};
const refresh = async () => {
  const answer = document.hidden ? null : await fetch(location.href).catch(() => null);
  if ([401, 403, 404].includes(answer?.status)) return location.reload(); // the login has ended, or the job is gone
  if (answer?.ok) update(parse(await answer.text()));
  follow(1000 * (answer?.headers.get("Retry-After") ?? 0));
};
const follow = (pause = 0) => {
  if (document.querySelector("[data-live]")) setTimeout(refresh, Math.max(PAUSE, pause));
};
for (const part of document.querySelectorAll("[data-live]")) sources.set(part.id, part.innerHTML);
localise(document);
follow();
