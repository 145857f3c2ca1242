"""In Axolotl's environment: greedy answers of a model with its own attention, and with ours for a CPU, as JSON."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from services.trainer.inside_axolotl.writing import generate as generating


def main(base: str, output: Path) -> None:
    """Answer prompts of several lengths in one batch, in float32, both ways; then whether the setting was restored."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    before = model.config._attn_implementation
    prompts = [list(range(200, 200 + length)) for length in (3, 17, 40)]
    answers = {}
    for name, attention in (("ours", generating.grouped_on_cpu), ("own", lambda model: nullcontext())):
        generating.grouped_on_cpu = attention
        written = generating.generate(model, prompts, max_tokens=24, temperature=0, end={0}, pad=0)
        answers[name] = [answer.ids for answer in written]
    output.write_text(json.dumps({**answers, "restored": model.config._attn_implementation == before}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
