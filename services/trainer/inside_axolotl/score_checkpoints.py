"""Score passages with checkpoints: `python -m services.trainer.inside_axolotl.score_checkpoints ORDER.json`.

It runs in Axolotl's environment.

ORDER.json: the `training` folder, `base`, `adapters` {result file: adapter folder}, `passages` [{ids, start}] of the
author and of `others`, how many `references` are stored token by token, and the file that lists the weights that
training had `quantised`. One result for each adapter (see `scriptorium.artifacts.checkpoint_losses`), on the base as it
is stored and, if training quantised, on the NF4 round trip of just those weights.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoModelForCausalLM

from services.trainer.inside_axolotl.trackers import Trackers

POSITIONS = 128  # log-probabilities computed at once: a large vocabulary takes half a megabyte for each

Result = dict[str, Any]


def main(path: Path) -> None:
    """Score every adapter; its result is written again after each base."""
    order = json.loads(path.read_text("utf-8"))
    model = load_base(order["base"])
    results: dict[str, Result] = {name: {"step": step_of(name), "bases": {}} for name in order["adapters"]}
    for base in prepare_bases(model, Path(order["quantised"])):
        without = [score(model, **passage)[0] for passage in order["passages"]]
        base_losses = {"without": list(map(sum_loss, without)), "others_without": sum_losses(model, order["others"])}
        for name, adapter in order["adapters"].items():
            tuned = PeftModel.from_pretrained(model, adapter).eval()
            result = score_all(tuned, order["passages"], without[: order["references"]])
            others = sum_losses(tuned, order["others"])
            results[name]["bases"][base] = {**result, **base_losses, "others": others}
            model = tuned.unload()
            write(Path(name), results[name])
    track(Path(order["training"]), results.values())


def track(training: Path, results: Iterable[Result]) -> None:
    """Add each checkpoint's selectivity on the stored base to the training's trackers."""
    measured = {result["step"]: selectivity(result["bases"]["stored"]) for result in results}
    known = {step: value for step, value in measured.items() if value is not None}
    if known:
        trackers = Trackers(training, warnings.warn)
        trackers.open()
        for step, value in sorted(known.items()):
            trackers.add({"time": time.time(), "step": step, "selectivity": value})
        trackers.close()


def selectivity(losses: Result) -> float | None:
    """Return what the author's passages gained over those of others; see `scriptorium.artifacts.checkpoint_losses`."""
    if not losses["others"] or not losses["without"]:
        return None
    gain = mean_loss(losses["without"]) - mean_loss(losses["passages"])
    return gain - (mean_loss(losses["others_without"]) - mean_loss(losses["others"]))


def mean_loss(passages: list[Result]) -> float:
    """Return the mean loss over all tokens of the passages, in nats per token."""
    return float(sum(passage["loss"] for passage in passages) / sum(passage["tokens"] for passage in passages))


def load_base(folder: str) -> Any:
    """Load the base in its own number format, onto the GPU if there is one.

    Weights go there tensor by tensor: the machine's memory, which may be smaller, never holds the whole model.
    """
    place = {"": 0} if torch.cuda.is_available() else None
    return AutoModelForCausalLM.from_pretrained(folder, dtype="auto", device_map=place, trust_remote_code=False).eval()


def step_of(name: str) -> int:
    """Return the step in a result's name."""
    return int(Path(name).stem.rpartition("-")[2])


def prepare_bases(model: Any, quantised: Path) -> Iterator[str]:
    """Yield "stored" for the base as it is; then "nf4", after the weights that training quantised took the round trip.

    The round trip changes the model in place.
    """
    yield "stored"
    if not quantised.exists():
        return
    from bitsandbytes import functional

    with safe_open(quantised, framework="pt") as file:
        names = [name.removesuffix(".codes") for name in file.keys() if name.endswith(".codes")]  # noqa: SIM118
    if not names:
        return
    for name in names:
        weight = model.get_submodule(name).weight
        packed, state = functional.quantize_4bit(weight.data, quant_type="nf4", compress_statistics=True)
        weight.data = functional.dequantize_4bit(packed, state)
    yield "nf4"


def score_all(model: Any, passages: list[dict[str, Any]], without: list[list[float]]) -> Result:
    """Return the loss of each passage; the first ones token by token, with the base's scores `without` the adapter."""
    result: Result = {"passages": [], "references": []}
    for number, passage in enumerate(passages):
        chosen, likeliest = score(model, **passage)
        result["passages"].append(sum_loss(chosen))
        if number < len(without):
            scores = {"log_probabilities": chosen, "likeliest": likeliest, "without": without[number]}
            result["references"].append({**passage, **scores})
    return result


def sum_losses(model: Any, passages: list[dict[str, Any]]) -> list[Result]:
    """Return the loss of each passage."""
    return [sum_loss(score(model, **passage)[0]) for passage in passages]


def sum_loss(chosen: list[float]) -> Result:
    """Return the summed loss of a passage, and its tokens."""
    return {"loss": -sum(chosen), "tokens": len(chosen)}


@torch.no_grad()  # type: ignore[untyped-decorator]
def score(model: Any, ids: list[int], start: int) -> tuple[list[float], list[int]]:
    """Return the log-probability of each of `ids[start:]`, and the likeliest id at its place."""
    logits = model(torch.tensor([ids], device=model.device)).logits[0, start - 1 : -1]
    passage = torch.tensor(ids[start:], device=logits.device)
    chosen: list[float] = []
    likeliest: list[int] = []
    for chunk, targets in zip(logits.split(POSITIONS), passage.split(POSITIONS), strict=True):
        log_probabilities = chunk.float().log_softmax(-1)
        chosen += log_probabilities.gather(-1, targets[:, None])[:, 0].tolist()
        likeliest += log_probabilities.argmax(-1).tolist()
    return chosen, likeliest


def write(path: Path, body: Result) -> None:
    """Write a result atomically."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(body), encoding="utf-8")
    temporary.replace(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
