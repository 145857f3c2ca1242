const form = document.querySelector("form.slider");
if (form) {
  const slider = form.querySelector("input");
  const output = form.querySelector("output");
  const names = [...form.querySelectorAll("option")].map((option) => option.label);
  const steps = [...new Set([...document.querySelectorAll("[data-step]")].map((passage) => Number(passage.dataset.step)))];
  steps.sort((one, other) => one - other);
  const show = () => {
    output.textContent = slider.ariaValueText = names[slider.value];
    for (const passage of document.querySelectorAll("[data-step]")) {
      passage.hidden = Number(passage.dataset.step) !== steps[slider.value];
    }
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  slider.addEventListener("input", show);
  form.hidden = false;
  show();
}
