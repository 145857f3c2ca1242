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

from scriptorium.artifacts.checkpoint_samples import (
    CheckpointSample,
    append_samples,
    lacks_samples,
    read_order,
    read_samples,
)
from services.trainer.inside_axolotl.writing.generate import end_tokens, generate


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
            answers = generate(
                model,
                [brief.ids for brief in order.briefs],
                max_tokens=order.max_tokens,
                temperature=1.0,
                end=end_tokens(model, tokenizer.eos_token_id),  # Axolotl made it the template's end of turn
                pad=tokenizer.eos_token_id,
                is_stopping=self._is_stopping,
            )
        if self._is_stopping():
            return []
        samples = [
            CheckpointSample(step, number, tokenizer.decode(answer.ids, skip_special_tokens=True).strip(), answer.ended)
            for number, answer in enumerate(answers)
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
