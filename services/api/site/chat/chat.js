// Asks two models the same and shows what they write as it comes; a model that is being loaded is asked again.
const MAX_TOKENS = 500;
const form = document.querySelector("form.chat");
const { voice, prompt, strength, stop } = form.elements;
const output = form.querySelector("output");
let controller = null;

const chosen = () => voice.selectedOptions[0].dataset;
const showStrength = () => { output.textContent = Number(strength.value).toFixed(2); };
const takeStrength = () => { strength.value = chosen().strength; showStrength(); };
const tunedName = () => {
  const value = Number(strength.value);
  if (value === 0) return chosen().base;
  return value === Number(chosen().strength) ? voice.value : `${voice.value}@${value}`;
};
const sleep = (seconds, signal) => new Promise((resolve, reject) => {
  setTimeout(resolve, 1000 * seconds);
  signal.addEventListener("abort", () => reject(signal.reason));
});

// Yields the pieces of a streamed answer.
async function* pieces(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
      const chunk = JSON.parse(line.slice(6));
      if (chunk.error) throw new Error(chunk.error.message);
      yield chunk.choices?.[0]?.delta?.content ?? "";
    }
  }
}

// Returns the beginning of a model's answer, however long the model takes to load.
const begin = async (model, signal, say) => {
  const body = JSON.stringify({ model, stream: true, max_tokens: MAX_TOKENS, messages: [{ role: "user", content: prompt.value }] });
  for (;;) {
    const headers = { "Content-Type": "application/json", "X-Scriptorium-Wait": "1" };
    const answer = await fetch("/v1/chat/completions", { method: "POST", headers, body, signal });
    if (answer.ok) return answer;
    const { error } = await answer.json();
    if (answer.status !== 503) throw new Error([error.message, error.next_step].filter(Boolean).join(" "));
    say(error.message);
    await sleep(Math.min(5, Number(answer.headers.get("Retry-After")) || 5), signal);
  }
};

const ask = async (column, model, signal) => {
  const [waiting, written] = [column.querySelector(".waiting"), column.querySelector(".written")];
  const say = (text) => { if (waiting.textContent !== text) waiting.textContent = text; };
  written.textContent = "";
  column.ariaBusy = "true";
  say("Asking …");
  try {
    const answer = await begin(model, signal, say);
    say("Writing …");
    for await (const piece of pieces(answer)) written.append(piece);
    say("Finished.");
  } catch (error) {
    say(signal.aborted ? "Stopped." : error instanceof TypeError ? "The connection was lost. Ask again." : error.message);
  }
  column.ariaBusy = "false";
};

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  controller?.abort();
  const mine = controller = new AbortController();
  stop.hidden = false;
  const [base, tuned] = ["base", "tuned"].map((role) => document.getElementById(role));
  await Promise.all([ask(base, chosen().base, mine.signal), ask(tuned, tunedName(), mine.signal)]);
  if (controller === mine) stop.hidden = true;
});
stop.addEventListener("click", () => controller?.abort());
prompt.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
strength.addEventListener("input", showStrength);
voice.addEventListener("change", takeStrength);
takeStrength();
