"""Run checkpoints over passages: `python -m services.trainer.inside_axolotl.score_checkpoints ORDER.json`.

It runs in Axolotl's environment.

ORDER.json: `base`, `adapters` {result file: adapter folder}, `passages` [{ids, start}] of the author and of `others`,
how many `references` are kept in full, and the file that says what training had `quantised`. One result for each
adapter (see `scriptorium.artifacts.checkpoint_losses`), on the base as it is stored and, where training quantised, on
the NF4 round trip of just those weights.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoModelForCausalLM

POSITIONS = 128  # log-probabilities at once: a large vocabulary takes half a megabyte for each

Result = dict[str, Any]


def main(path: Path) -> None:
    """Measure every adapter; its result is written anew for each base."""
    order = json.loads(path.read_text("utf-8"))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model: Any = AutoModelForCausalLM.from_pretrained(order["base"], dtype="auto").to(device).eval()
    results: dict[str, Result] = {name: {"step": step_of(name), "bases": {}} for name in order["adapters"]}
    for base in bases(model, Path(order["quantised"])):
        alone = [score(model, **passage)[0] for passage in order["passages"]]
        before = {"without": list(map(total, alone)), "others_without": read(model, order["others"])}
        for name, adapter in order["adapters"].items():
            tuned = PeftModel.from_pretrained(model, adapter).eval()
            found = score_all(tuned, order["passages"], alone[: order["references"]])
            results[name]["bases"][base] = {**found, **before, "others": read(tuned, order["others"])}
            model = tuned.unload()
            write(Path(name), results[name])


def step_of(name: str) -> int:
    """The step in a result's name."""
    return int(Path(name).stem.rpartition("-")[2])


def bases(model: Any, quantised: Path) -> Iterator[str]:
    """The base as it is; then, in place, with what training had quantised sent through NF4 and back."""
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
    """The loss of each passage; the first ones in full, beside what the base says `without` the adapter."""
    found: Result = {"passages": [], "references": []}
    for number, passage in enumerate(passages):
        chosen, likeliest = score(model, **passage)
        found["passages"].append(total(chosen))
        if number < len(without):
            said = {"log_probabilities": chosen, "likeliest": likeliest, "without": without[number]}
            found["references"].append({**passage, **said})
    return found


def read(model: Any, passages: list[dict[str, Any]]) -> list[Result]:
    """The loss of each passage."""
    return [total(score(model, **passage)[0]) for passage in passages]


def total(chosen: list[float]) -> Result:
    """The summed loss of a passage, and its tokens."""
    return {"loss": -sum(chosen), "tokens": len(chosen)}


@torch.no_grad()  # type: ignore[untyped-decorator]
def score(model: Any, ids: list[int], start: int) -> tuple[list[float], list[int]]:
    """Log-probability of each of `ids[start:]`, and the likeliest id at its place."""
    logits = model(torch.tensor([ids], device=model.device)).logits[0, start - 1 : -1]
    wanted = torch.tensor(ids[start:], device=logits.device)
    chosen: list[float] = []
    likeliest: list[int] = []
    for part, targets in zip(logits.split(POSITIONS), wanted.split(POSITIONS), strict=True):
        found = part.float().log_softmax(-1)
        chosen += found.gather(-1, targets[:, None])[:, 0].tolist()
        likeliest += found.argmax(-1).tolist()
    return chosen, likeliest


def write(path: Path, body: Result) -> None:
    """Write a result, whole or not at all."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(body), encoding="utf-8")
    temporary.replace(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
