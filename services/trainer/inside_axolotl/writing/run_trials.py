"""Try checkpoints at several strengths: `python -m services.trainer.inside_axolotl.writing.run_trials ORDER.json`.

It runs in Axolotl's environment, on the base as it is stored. For each trial it finds the temperature at which the base
finds the written text as likely as genuine text, writes passages at it, and answers instructions.

ORDER.json: `base`, `seed`, `end` (the id that ends a turn), `trials` [{path, step, strength, adapter, losses}] (see
`scriptorium.artifacts.trials`; the base's own has none of the last two); encoded `briefs` and `instructions` with
`max_tokens` and `answer_tokens`; encoded `genuine` texts, cut like what is written to `probe_tokens`; `passages`,
`others`, `references` and `quantised` as `score_checkpoints` gets them, for the losses at each strength but 1; and the
file `progress`, which says how far a batch is.

A trial that is there is not repeated. Adapters are LoRA, with rsLoRA's scaling or ranks by layer if need be; DoRA is
refused, because its magnitudes do not grow with the strength.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from transformers import AutoTokenizer

from scriptorium.artifacts.writing_progress import ProgressFile
from services.trainer.inside_axolotl.score_checkpoints import (
    Result,
    load_base,
    prepare_bases,
    score,
    score_all,
    selectivity,
    sum_loss,
    sum_losses,
    write,
)
from services.trainer.inside_axolotl.writing.generate import Answer, end_tokens, generate
from services.trainer.inside_axolotl.writing.temperature import find_temperature

BEGINNINGS = "beginnings of passages"
BATCH = 48  # prompts answered together: a few gigabytes of keys and values on an 8B model

Order = dict[str, Any]


def main(path: Path) -> None:
    """Run every trial; then write the losses at each strength, which are complete once all bases were read."""
    order = json.loads(path.read_text("utf-8"))
    model = load_base(order["base"])
    losses: dict[str, Result] = {
        trial["losses"]: {"step": trial["step"], "bases": {}}
        for trial in order["trials"]
        if order["passages"] and "losses" in trial and not Path(trial["losses"]).exists()
    }
    for base in prepare_bases(model, Path(order["quantised"])):
        without = BaseScores(model, order) if losses else None
        for trial in order["trials"]:
            writes = base == "stored" and not Path(trial["path"]).exists()
            if not writes and trial.get("losses") not in losses:
                continue
            with attached(model, trial) as tuned:
                if without and trial.get("losses") in losses:
                    losses[trial["losses"]]["bases"][base] = without.compare(tuned)
                if writes:
                    write(Path(trial["path"]), run_trial(tuned, order, trial) | {"selectivity": gain(trial, losses)})
    for name, result in losses.items():
        write(Path(name), result)


class BaseScores:
    """How likely the base alone finds the held-out passages."""

    def __init__(self, model: Any, order: Order) -> None:
        self._order = order
        self._without = [score(model, **passage)[0] for passage in order["passages"]]
        self._others = sum_losses(model, order["others"])

    def compare(self, tuned: Any) -> Result:
        """Return the losses with the adapter and without (see `scriptorium.artifacts.checkpoint_losses`)."""
        result = score_all(tuned, self._order["passages"], self._without[: self._order["references"]])
        others = {"others": sum_losses(tuned, self._order["others"]), "others_without": self._others}
        return {**result, "without": list(map(sum_loss, self._without)), **others}


@contextmanager
def attached(model: Any, trial: Order) -> Iterator[Any]:
    """Attach a trial's adapter at its strength, for the time of a block; the base's trial has none."""
    if trial["step"] is None:
        yield model
        return
    tuned = PeftModel.from_pretrained(model, trial["adapter"]).eval()
    scale_adapter(tuned, trial["strength"])
    try:
        yield tuned
    finally:
        tuned.unload()


def scale_adapter(tuned: Any, strength: float) -> None:
    """Multiply the scaling of each of the adapter's layers. Raises ValueError for DoRA."""
    for layer in tuned.modules():
        if not isinstance(layer, LoraLayer):
            continue
        for name in layer.active_adapters:
            if getattr(layer, "use_dora", {}).get(name):
                raise ValueError("the strength of a DoRA adapter cannot be changed")
            if name in layer.scaling:
                layer.scaling[name] *= strength


def gain(trial: Order, losses: dict[str, Result]) -> float | None:
    """Return a trial's selectivity on the stored base, from its losses just measured or those that are there."""
    if trial["step"] is None:
        return None
    path = Path(trial["losses"])
    result = losses.get(trial["losses"]) or (json.loads(path.read_text("utf-8")) if path.exists() else None)
    return selectivity(result["bases"]["stored"]) if result else None


def run_trial(tuned: Any, order: Order, trial: Order) -> Result:
    """Find the temperature, write a passage for each brief at it, and answer the instructions greedily."""
    writer = Writer(tuned, order)
    genuine = mean_base_loss(tuned, order["genuine"])

    def measure(temperature: float) -> float:
        return mean_base_loss(tuned, writer.probe(temperature))

    temperature, curve = find_temperature(measure, genuine)
    return {
        "step": trial["step"],
        "strength": trial["strength"],
        "temperature": temperature,
        "temperatures": [{"temperature": place, "loss": loss} for place, loss in sorted(curve.items())],
        "genuine_loss": genuine,
        "passages": writer.write_passages(temperature),
        "answers": writer.answer_instructions(),
    }


class Writer:
    """Lets a model write from the order's prompts, with the same random numbers each time."""

    def __init__(self, model: Any, order: Order) -> None:
        self._model, self._order = model, order
        self._progress = ProgressFile(Path(order["progress"]))
        self._tokenizer = AutoTokenizer.from_pretrained(order["base"], trust_remote_code=False)

    def probe(self, temperature: float) -> list[list[int]]:
        """Return the beginnings of passages at a temperature, encoded again as plain text, as the evaluation reads."""
        limit = self._order["probe_tokens"]
        answers = self._generate(BEGINNINGS, self._order["briefs"], limit, temperature)
        texts = [self._decode(answer.ids) for answer in answers]
        return [self._tokenizer(text).input_ids[:limit] for text in texts]

    def write_passages(self, temperature: float) -> list[Result]:
        """Write a passage for each brief."""
        answers = self._generate("passages", self._order["briefs"], self._order["max_tokens"], temperature)
        return [
            {"brief": brief, "text": self._decode(answer.ids), "tokens": len(answer.ids), "ended": answer.ended}
            for brief, answer in enumerate(answers)
        ]

    def answer_instructions(self) -> list[str]:
        """Answer each instruction greedily."""
        answers = self._generate("answers", self._order["instructions"], self._order["answer_tokens"], 0)
        return [self._decode(answer.ids) for answer in answers]

    def _generate(self, what: str, prompts: list[list[int]], max_tokens: int, temperature: float) -> list[Answer]:
        torch.manual_seed(self._order["seed"])
        end = self._order["end"]
        answers = []
        for start in range(0, len(prompts), BATCH):
            batch = prompts[start : start + BATCH]
            answers += generate(
                self._model,
                batch,
                max_tokens=max_tokens,
                temperature=temperature,
                end=end_tokens(self._model, end),
                pad=end,
                report=partial(self._progress.write, what, len(batch), max_tokens),
            )
        return answers

    def _decode(self, ids: list[int]) -> str:
        text = self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text.strip())


def mean_base_loss(model: Any, texts: list[list[int]]) -> float:
    """Return the mean over texts of the base's mean loss per token, in nats; of two tokens or more each.

    It is the number that the evaluation's coherence gate compares; 0 if nothing was written at all.
    """
    with getattr(model, "disable_adapter", nullcontext)():
        losses = [score(model, ids, 1)[0] for ids in texts if len(ids) > 1]
    return -sum(sum(chosen) / len(chosen) for chosen in losses) / len(losses) if losses else 0.0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
