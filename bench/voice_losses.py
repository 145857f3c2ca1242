"""The demo's base model reads text, for bench.voice; what it has read is stored in build/.

`measure_losses`: mean negative log-likelihood per token of the first MAX_TOKENS tokens of texts.
`measure_log_probabilities`: that of each token behind a context. The model runs in a child process in Axolotl's
environment, which has torch:
`python bench/voice_losses.py MODEL losses|behind < items.json`; a line of output per item, in their order.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

Passage = tuple[list[int], int]  # token ids, and how many of them are the context

MAX_TOKENS = 200  # tokens: enough to tell prose from babble, and minutes less to wait


def measure_losses(texts: Sequence[str], python: Path, model: Path, cache: Path) -> list[float]:
    """Return the loss of each text; those in the cache are not read again."""
    losses: dict[str, float] = json.loads(cache.read_text()) if cache.exists() else {}
    keys = [hashlib.sha256(f"{MAX_TOKENS} {text}".encode()).hexdigest()[:24] for text in texts]
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in losses}
    if new:
        losses |= dict(zip(new, ask_model(python, model, "losses", list(new.values())), strict=True))
        cache.write_text(json.dumps(losses))
    return [losses[key] for key in keys]


def measure_log_probabilities(passages: Sequence[Passage], python: Path, model: Path, cache: Path) -> list[list[float]]:
    """Return the log-probabilities of the tokens of each passage, from the second of all on, as an engine does.

    A passage is token ids, and how many of them are its context; a context's own tokens get 0. `cache` is a folder with
    a file for each passage.
    """
    cache.mkdir(parents=True, exist_ok=True)
    paths = [cache / hashlib.sha256(json.dumps(passage).encode()).hexdigest()[:24] for passage in passages]
    new = {path: passage for path, passage in zip(paths, passages, strict=True) if not path.exists()}
    grouped = sorted(new.items(), key=lambda item: item[1][0][: item[1][1]])  # a context is read once
    for (path, _), row in zip(
        grouped, ask_model(python, model, "behind", [passage for _, passage in grouped]), strict=True
    ):
        path.write_text(json.dumps(row))
    return [
        [0.0] * (start - 1) + json.loads(path.read_text()) for path, (_, start) in zip(paths, passages, strict=True)
    ]


def ask_model(python: Path, model: Path, task: str, items: Sequence[object]) -> Iterator[Any]:
    """Run the child and yield its answer to each item as soon as it is there."""
    if not items:
        return
    print(f"the base model reads {len(items)} passages ...", flush=True)
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    with tempfile.TemporaryFile("w+") as payload, tempfile.TemporaryFile("w+") as errors:
        json.dump(list(items), payload)
        payload.seek(0)
        line = [str(python), __file__, str(model), task]
        with subprocess.Popen(line, stdin=payload, stdout=subprocess.PIPE, stderr=errors, text=True, env=env) as child:
            yield from (json.loads(answer) for answer in child.stdout or ())
        if child.returncode:
            errors.seek(0)
            sys.exit(f"the base model could not be asked:\n{errors.read()[-2000:]}")


def compute_losses(model: str, texts: Sequence[str]) -> Iterator[float]:
    """Compute the mean loss of each text, one forward pass per text; runs in the child."""
    import torch
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(model)
    network = load(model)
    with torch.inference_mode():
        for text in texts:
            ids = tokenizer(text, return_tensors="pt", truncation=True, max_length=MAX_TOKENS).input_ids
            logits = network(ids).logits[0, :-1].float()
            yield float(torch.nn.functional.cross_entropy(logits, ids[0, 1:]))


def compute_log_probabilities(model: str, passages: Sequence[Passage]) -> Iterator[list[float]]:
    """Compute the log-probabilities of each passage behind its context, which is read once; runs in the child."""
    import torch

    network = load(model)
    context: list[int] = []
    with torch.inference_mode():
        for ids, start in passages:
            if ids[:start] != context:
                context = ids[:start]
                before = network(torch.tensor([context]), use_cache=True, logits_to_keep=1)
            tokens = torch.tensor(ids[start:])
            after = network(tokens[None], past_key_values=deepcopy(before.past_key_values)).logits[0, :-1]
            logits = torch.cat([before.logits[0], after]).float()
            losses = torch.nn.functional.cross_entropy(logits, tokens, reduction="none")
            yield [round(-float(loss), 4) for loss in losses]


def load(model: str) -> Any:
    """Load the model; runs in the child."""
    import torch
    from transformers import AutoModelForCausalLM

    network: Any = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16)
    return network.eval()


TASKS: Mapping[str, Callable[[str, Any], Iterator[Any]]] = {
    "losses": compute_losses,
    "behind": compute_log_probabilities,
}

if __name__ == "__main__":
    for answer in TASKS[sys.argv[2]](sys.argv[1], json.load(sys.stdin)):
        print(json.dumps(answer), flush=True)
