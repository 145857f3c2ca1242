"""The demo's base model reads text: mean negative log-likelihood per token, kept in build/voice-losses.json.

bench.voice calls `measure_losses`; the model runs in a child process in Axolotl's environment, which has torch:
`python bench/voice_losses.py MODEL < texts.json > losses.json`. Only the first LONGEST tokens are read.
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

LONGEST = 200  # tokens: enough to tell prose from babble, and minutes less to wait


def measure_losses(texts: Sequence[str], python: Path, model: Path, kept: Path) -> list[float]:
    """The loss of each text; what was read before is looked up."""
    known: dict[str, float] = json.loads(kept.read_text()) if kept.exists() else {}
    keys = [hashlib.sha256(f"{LONGEST} {text}".encode()).hexdigest()[:24] for text in texts]
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    if new:
        print(f"the base model reads {len(new)} passages ...", flush=True)
        env = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
        line = [str(python), __file__, str(model)]
        asked = json.dumps(list(new.values()))
        done = subprocess.run(line, input=asked, capture_output=True, text=True, env=env, check=False)
        if done.returncode:
            sys.exit(f"the base model could not be asked:\n{done.stderr[-2000:]}")
        known |= dict(zip(new, json.loads(done.stdout.splitlines()[-1]), strict=True))
        kept.write_text(json.dumps(known))
    return [known[key] for key in keys]


def read_texts(model: str, texts: Sequence[str]) -> list[float]:
    """In the child: one forward pass per text."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(model)
    network: Any = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16).eval()
    losses = []
    with torch.inference_mode():
        for text in texts:
            ids = tokenizer(text, return_tensors="pt", truncation=True, max_length=LONGEST).input_ids
            logits = network(ids).logits[0, :-1].float()
            losses.append(float(torch.nn.functional.cross_entropy(logits, ids[0, 1:])))
    return losses


if __name__ == "__main__":
    print(json.dumps(read_texts(sys.argv[1], json.load(sys.stdin))))
