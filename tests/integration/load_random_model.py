"""Loads a model folder by transformers and computes a loss and its gradient: `python load_random_model.py FOLDER OUT`.

Runs in Axolotl's environment; OUT is JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def main(folder: str, out: str) -> None:
    """Write what transformers makes of the folder."""
    model, loading = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", output_loading_info=True)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("The jungle was silent.", return_tensors="pt").input_ids
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    body = {
        "dtype": str(model.dtype),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "missing": sorted(loading["missing_keys"]),
        "unexpected": sorted(loading["unexpected_keys"]),
        "vocabulary": len(tokenizer),
        "loss": loss.item(),
        "finite": all(bool(torch.isfinite(parameter.grad).all()) for parameter in model.parameters()),
    }
    Path(out).write_text(json.dumps(body), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
