"""Let the model in training write its sample passages, without a trace in the training.

Every checkpoint has the same random numbers, so that two passages of a brief differ by what the model learned. The
tokens are drawn from the model's whole distribution, as in an evaluation. It runs inside Axolotl's environment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from scriptorium.artifacts.checkpoint_samples import (
    CheckpointSample,
    SampleOrder,
    append_samples,
    lacks_samples,
    read_order,
    read_samples,
)


class SampleWriter:
    """Writes the passages of a training folder's order; `is_stopping` ends one early, which is then left out."""

    def __init__(self, folder: Path, is_stopping: Callable[[], bool]) -> None:
        self._folder = folder
        self._order = read_order(folder)
        self._is_stopping = is_stopping

    def write(self, model: Any, tokenizer: Any, step: int) -> list[CheckpointSample]:
        """Write and return the passages of a step; none if there is no order, if they exist, or if training stops."""
        order = self._order
        if order is None or not lacks_samples(order, read_samples(self._folder), step):
            return []
        with undisturbed(model):
            torch.manual_seed(order.seed)
            answers = generate(model, tokenizer, order, self._is_stopping)
        if self._is_stopping():
            return []
        end = tokenizer.eos_token_id
        samples = [
            CheckpointSample(step, number, tokenizer.decode(ids, skip_special_tokens=True).strip(), end in ids)
            for number, ids in enumerate(answers)
        ]
        append_samples(self._folder, samples)
        return samples


@contextmanager
def undisturbed(model: Any) -> Iterator[None]:
    """Leave the model's mode and the training's random numbers as they are."""
    training = model.training
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.no_grad():
        model.eval()
        try:
            yield
        finally:
            model.train(training)


def generate(model: Any, tokenizer: Any, order: SampleOrder, is_stopping: Callable[[], bool]) -> list[list[int]]:
    """Return the answers as token ids, written together; in bfloat16 if the model's layers are of mixed precision."""
    end = tokenizer.eos_token_id
    width = max(len(brief.ids) for brief in order.briefs)
    ids = torch.full((len(order.briefs), width), end)
    mask = torch.zeros_like(ids)
    for row, brief in enumerate(order.briefs):  # an answer follows its prompt, so the padding stands before
        ids[row, width - len(brief.ids) :] = torch.tensor(brief.ids)
        mask[row, width - len(brief.ids) :] = 1
    settings = GenerationConfig(
        do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=order.max_tokens, use_cache=True,
        eos_token_id=end, pad_token_id=end,
    )  # fmt: skip
    mixed = len({parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()}) > 1
    with torch.autocast(model.device.type, torch.bfloat16, enabled=mixed):
        texts = model.generate(
            input_ids=ids.to(model.device),
            attention_mask=mask.to(model.device),
            generation_config=settings,
            stopping_criteria=StoppingCriteriaList([StopWhen(is_stopping)]),
        )
    return [cut_after(text, end) for text in texts[:, width:].tolist()]


class StopWhen(StoppingCriteria):  # type: ignore[misc]
    """Ends every answer once a condition is true."""

    def __init__(self, condition: Callable[[], bool]) -> None:
        self._condition = condition

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        """Return whether each answer ends here."""
        return torch.full((input_ids.shape[0],), self._condition(), device=input_ids.device)


def cut_after(ids: list[int], end: int) -> list[int]:
    """Cut an answer after its first end token: what follows is padding."""
    return ids[: ids.index(end) + 1] if end in ids else ids
