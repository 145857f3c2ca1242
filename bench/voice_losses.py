"""The demo's base model reads text: mean negative log-likelihood per token, stored in build/voice-losses.json.

bench.voice calls `measure_losses`; the model runs in a child process in Axolotl's environment, which has torch:
`python bench/voice_losses.py MODEL < texts.json > losses.json`. Only the first MAX_TOKENS tokens are read.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MAX_TOKENS = 200  # tokens: enough to tell prose from babble, and minutes less to wait


def measure_losses(texts: Sequence[str], python: Path, model: Path, cache: Path) -> list[float]:
    """Return the loss of each text; those in the cache are not read again."""
    losses: dict[str, float] = json.loads(cache.read_text()) if cache.exists() else {}
    keys = [hashlib.sha256(f"{MAX_TOKENS} {text}".encode()).hexdigest()[:24] for text in texts]
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in losses}
    if new:
        print(f"the base model reads {len(new)} passages ...", flush=True)
        env = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
        line = [str(python), __file__, str(model)]
        payload = json.dumps(list(new.values()))
        done = subprocess.run(line, input=payload, capture_output=True, text=True, env=env, check=False)
        if done.returncode:
            sys.exit(f"the base model could not be asked:\n{done.stderr[-2000:]}")
        losses |= dict(zip(new, json.loads(done.stdout.splitlines()[-1]), strict=True))
        cache.write_text(json.dumps(losses))
    return [losses[key] for key in keys]


def compute_losses(model: str, texts: Sequence[str]) -> list[float]:
    """Compute the mean loss of each text, one forward pass per text; runs in the child."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(model)
    network: Any = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16).eval()
    losses = []
    with torch.inference_mode():
        for text in texts:
            ids = tokenizer(text, return_tensors="pt", truncation=True, max_length=MAX_TOKENS).input_ids
            logits = network(ids).logits[0, :-1].float()
            losses.append(float(torch.nn.functional.cross_entropy(logits, ids[0, 1:])))
    return losses


if __name__ == "__main__":
    print(json.dumps(compute_losses(sys.argv[1], json.load(sys.stdin))))
