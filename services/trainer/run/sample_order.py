"""The order of sample passages: the held-out briefs that the model answers at each checkpoint, for a writer to read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scriptorium.artifacts.checkpoint_samples import SampleBrief, SampleOrder, write_order
from scriptorium.artifacts.dataset import Row
from scriptorium.contracts import TrainRequest
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import chat_tokenizer
from scriptorium.recipe import ResolvedTraining
from scriptorium.sampling import spread
from scriptorium.settings import get_settings


def order_samples(
    request: TrainRequest, training: ResolvedTraining, folder: Path, dev: Sequence[Row], reporter: Reporter
) -> None:
    """Write the order of a training: a few of the dev rows, evenly spread, always the same ones."""
    if not dev or not training.samples:
        return
    if training.fsdp and get_settings().gpu:  # its layers are in several processes, and only one of them writes
        reporter.message("[TRAIN] No sample passages: the model is divided among several GPUs.")
        return
    briefs = [encode_brief(request.base, row) for row in spread(dev, training.samples)]
    room = training.sequence_len - training.sample_tokens
    fitting = [brief for brief in briefs if len(brief.ids) <= room]
    if fitting:
        write_order(folder, SampleOrder(fitting, training.sample_tokens, request.seed))


def encode_brief(base: Path, row: Row) -> SampleBrief:
    """Encode a row up to its last answer, which is left to the model."""
    tokenizer = chat_tokenizer(base)
    prompt = tokenizer.render(row.messages[:-1], add_generation_prompt=True)
    return SampleBrief(row.brief, row.passage, tokenizer.encode(prompt))
