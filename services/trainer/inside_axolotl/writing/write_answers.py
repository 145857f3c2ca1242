"""Let the base answer plain requests: `python -m services.trainer.inside_axolotl.writing.write_answers ORDER.json`.

It runs in Axolotl's environment. ORDER.json: the `base`, the `seed`, the `end` of a turn as a token id, the `rounds` of
requests [{request, ids, max_tokens, temperature, sample}], the `output` that each answer is appended to with its batch,
the file `progress` that says how far the batch is, and the file `enough`, whose appearance ends the program.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from scriptorium.artifacts.base_answers import Asked, BaseAnswer, append_answer
from scriptorium.artifacts.writing_progress import ProgressFile
from services.trainer.inside_axolotl.score_checkpoints import load_base
from services.trainer.inside_axolotl.writing.generate import Answer, end_tokens, generate

GPU_SHARE = 0.8  # of the free memory that the weights may take; the rest is for what is being written
GPU_BATCH = 32  # halved whenever it does not fit
CPU_BATCH = 48  # two cores write half as much again as with 16

Order = dict[str, Any]


def main(path: Path) -> None:
    """Answer one round of requests after the other, until it is enough."""
    order = json.loads(path.read_text("utf-8"))
    enough, output, progress = Path(order["enough"]), Path(order["output"]), ProgressFile(Path(order["progress"]))
    model = load(order["base"])
    tokenizer = AutoTokenizer.from_pretrained(order["base"], trust_remote_code=False)
    settings = {"end": end_tokens(model, order["end"]), "pad": order["end"], "is_stopping": enough.exists}
    torch.manual_seed(order["seed"])
    for requests in order["rounds"]:
        for request, answer in answer_requests(model, requests, settings, enough.exists, progress):
            text = tokenizer.decode(answer.ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
            append_answer(output, Asked.of(request), BaseAnswer(text, answer.ended))


def load(base: str) -> Any:
    """Load the base as it is; in 4 bits if a GPU cannot hold it otherwise, as a QLoRA training has it."""
    if torch.cuda.is_available():
        size = sum(path.stat().st_size for path in Path(base).glob("*.safetensors"))
        if size > GPU_SHARE * torch.cuda.mem_get_info()[0]:
            quantised = BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=torch.bfloat16,
            )  # fmt: skip
            return AutoModelForCausalLM.from_pretrained(
                base, quantization_config=quantised, device_map={"": 0}, trust_remote_code=False
            ).eval()
    return load_base(base)


def answer_requests(
    model: Any, requests: list[Order], settings: Order, is_stopping: Callable[[], bool], progress: ProgressFile
) -> Iterator[tuple[Order, Answer]]:
    """Yield each request with its answer; those of one temperature and a similar length are answered together."""
    size = GPU_BATCH if model.device.type == "cuda" else CPU_BATCH
    ordered = sorted(requests, key=lambda request: (request["temperature"], request["max_tokens"]))
    for temperature, group in groupby(ordered, key=lambda request: request["temperature"]):
        waiting = list(group)
        while waiting and not is_stopping():
            batch = waiting[-size:]  # the longest first: if a batch does not fit, it is the first one
            longest = max(request["max_tokens"] for request in batch)
            prompts = [request["ids"] for request in batch]
            try:
                report = partial(progress.write, "answers", len(batch), longest)
                answers = generate(
                    model, prompts, max_tokens=longest, temperature=temperature, report=report, **settings
                )
            except torch.OutOfMemoryError:
                if len(batch) == 1:
                    raise
                size = len(batch) // 2
                torch.cuda.empty_cache()
                continue
            if not is_stopping():
                yield from ((request, shorten(request, answer)) for request, answer in zip(batch, answers, strict=True))
            del waiting[-size:]


def shorten(request: Order, answer: Answer) -> Answer:
    """Cut an answer at its own limit, if others of its batch had a higher one."""
    limit = request["max_tokens"]
    return answer if len(answer.ids) <= limit else Answer(answer.ids[:limit], ended=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
