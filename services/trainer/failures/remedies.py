"""What helps against a lack of memory, as a question: the ladder of the seed workflow, with numbers.

The rungs, in order: the same effective batch from a smaller micro-batch with activations recomputed, which gives the
same result more slowly; shorter packed rows, if no row would be cut; half the rank. Rows that are not packed are not
padded, so a lower limit that cuts none of them would free nothing.
"""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from scriptorium.contracts import STOP_ANSWER, Decision, DecisionKind, Option
from scriptorium.errors import DiskFull, OutOfMemory
from scriptorium.jobs.attempt.disk_question import make_disk_question
from scriptorium.jobs.reporter import Reporter
from scriptorium.recipe import ResolvedTraining

LADDER_KEYS = (
    "micro_batch_size",
    "gradient_accumulation_steps",
    "gradient_checkpointing",
    "sequence_len",
    "lora_r",
    "lora_alpha",
)
MIN_RANK = 8  # a smaller adapter learns little of a voice
MIN_SEQUENCE = 128
SEQUENCE_MULTIPLE = 64
STOP = Option(name=STOP_ANSWER, meaning="end the job")


def ask_about_memory(
    error: OutOfMemory, training: ResolvedTraining, longest: int, reporter: Reporter
) -> ResolvedTraining:
    """Return the options to go on with; `longest` is the longest row, in tokens.

    Raises the error itself if nothing is left to change or if the answer is to stop, or what `ask` raises.
    """
    remedies = [*batch_remedy(training), *sequence_remedy(training, longest), *rank_remedy(training)]
    if not remedies:
        raise error
    question = Decision(
        kind=DecisionKind.OUT_OF_MEMORY,
        question="Training ran out of memory. What should be changed?",
        reason=error.message,
        options=[*remedies, STOP],
        recommended=remedies[0].name,
    )
    answer = reporter.ask(question)
    if answer == STOP_ANSWER:
        raise error
    chosen = next(option for option in remedies if option.name == answer)
    reporter.message(f"[TRAIN] Going on with {chosen.meaning}", changes=chosen.changes)
    return training.model_copy(update=chosen.changes)


def batch_remedy(training: ResolvedTraining) -> list[Option]:
    """Return the option of a smaller micro-batch with the same effective batch, or of recomputation alone."""
    batch, accumulation = training.micro_batch_size, training.gradient_accumulation_steps
    smaller = next((size for size in range(batch // 2, 0, -1) if batch % size == 0), batch)
    if smaller == batch and training.gradient_checkpointing:
        return []
    changes = {
        "micro_batch_size": smaller,
        "gradient_accumulation_steps": accumulation * batch // smaller,
        "gradient_checkpointing": True,
    }
    if smaller == batch:
        return [
            _option("recompute", "activations recomputed instead of stored; the same result, slower", training, changes)
        ]
    meaning = (
        f"micro-batch {batch} -> {smaller}, accumulation {accumulation} -> {changes['gradient_accumulation_steps']}, "
        f"activations recomputed; the same effective batch of {batch * accumulation}, slower"
    )
    return [_option(f"micro_batch_{smaller}", meaning, training, changes)]


def sequence_remedy(training: ResolvedTraining, longest: int) -> list[Option]:
    """Return the option of shorter packed rows, about as many tokens for each update; none if a row would be cut."""
    needed = max(MIN_SEQUENCE, math.ceil(longest / SEQUENCE_MULTIPLE) * SEQUENCE_MULTIPLE)
    length = max(needed, training.sequence_len // 2)
    if not training.sample_packing or length >= training.sequence_len:
        return []
    before = training.gradient_accumulation_steps
    accumulation = max(1, round(before * training.sequence_len / length))
    meaning = (
        f"rows packed into {length:,} tokens instead of {training.sequence_len:,} (the longest has {longest:,}), "
        f"accumulation {before} -> {accumulation}"
    )
    changes = {"sequence_len": length, "gradient_accumulation_steps": accumulation}
    return [_option(f"sequence_len_{length}", meaning, training, changes)]


def rank_remedy(training: ResolvedTraining) -> list[Option]:
    """Return the option of half the rank with the same scale (alpha over rank)."""
    rank, alpha = training.lora_r // 2, max(1, training.lora_alpha // 2)
    if rank < MIN_RANK:
        return []
    meaning = (
        f"rank {training.lora_r} -> {rank} (alpha {training.lora_alpha} -> {alpha}); a smaller adapter, and training "
        "starts anew"
    )
    return [_option(f"lora_r_{rank}", meaning, training, {"lora_r": rank, "lora_alpha": alpha})]


def _option(name: str, meaning: str, training: ResolvedTraining, changes: dict[str, int | bool]) -> Option:
    """Make an option; its changes hold every key of the ladder, so that they include those of earlier answers."""
    return Option(name=name, meaning=meaning, changes={key: getattr(training, key) for key in LADDER_KEYS} | changes)


def ask_about_disk(error: DiskFull, folder: Path, min_free_bytes: int, reporter: Reporter) -> None:
    """Ask whether to go on from the last checkpoint; raises the error if not, or if there is still no space."""
    question = make_disk_question(error, "from the last whole checkpoint")
    if reporter.ask(question) == STOP_ANSWER or shutil.disk_usage(folder).free < min_free_bytes:
        raise error
