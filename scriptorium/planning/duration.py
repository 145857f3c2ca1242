"""How long a training takes, part by part.

A step is arithmetic at a share of the device's peak: FLOPs as in `ModelShape.training_flops`, recomputation and
attention included. A short micro-batch does not fill a GPU: then launching the kernels of every block takes the time.
"""

from __future__ import annotations

import math

from scriptorium.contracts.estimate import DurationParts
from scriptorium.planning.dataset_size import DatasetSize
from scriptorium.planning.device import UNKNOWN_CARD, Device
from scriptorium.planning.disk import count_checkpoints
from scriptorium.planning.model_shape import ModelShape
from scriptorium.recipe import Calibration, ResolvedTraining

LORA_SHARE = 0.5  # of a card's peak: 3,083 tokens/s of an 8B model on an RTX 4090, torchtune, packed
QLORA_SHARE = 0.4  # the same with QLoRA: 2,413 tokens/s
CPU_SHARE = 0.35  # of the measured peak of bf16 products: docs/experiments.md, 2026-11-26
LAUNCH_SECONDS = 0.0075  # for a block: 630 tokens/s were reported for rows of 154 tokens on an RTX 5090
START_SECONDS = {True: 45.0, False: 14.0}  # Axolotl's imports and preparation, on a GPU (a guess) and on a CPU
MEASURE_START_SECONDS = 8.0  # torch and peft only
MEASURE_SHARE = (
    0.5  # of an evaluation's pass, which also makes the logits of the prompt: docs/experiments.md, 2026-11-26
)
LOAD_BYTES = 1.0e9  # a second: reading and hashing the base
DECODE_SECONDS = 0.001  # for a token and a block: PyTorch's generate launches every kernel by itself
CPU_READ_BYTES = 4.5e9  # a second: the weights are read for every token
SAVE_SECONDS = 0.8
WRITE_BYTES = 0.5e9  # a second, with fsync and hash
TRIAL_TOKENS = 4 * 160 + 600  # written from a brief in a trial: four beginnings, to find a temperature, and a passage
ANSWER_TOKENS = 96
TOGETHER = 32  # prompts that are answered at once
WRITTEN = 4.0  # tokens for one that is replayed, with what is refused and what waits in a batch for the longest answer
NO_TRIALS = Calibration(strengths=[])
MEASURED_PASSAGES = 4  # of other authors; of the author: the dev rows


def plan_duration(
    training: ResolvedTraining,
    shape: ModelShape,
    dataset: DatasetSize,
    device: Device,
    updates: int,
    *,
    calibration: Calibration = NO_TRIALS,
) -> DurationParts:
    """Return the seconds of a training phase, without the experience of earlier trainings."""
    speed = arithmetic_speed(training, device)
    evaluations = count_checkpoints(training, updates) + 1  # the first before the first step
    dev_rows = min(dataset.dev_rows, training.dev_rows)
    forward = shape.forward_flops(training.lora_r, dataset.mean_row) * dataset.mean_row / speed
    base_bytes = shape.parameters * shape.stored_bytes
    return DurationParts(
        replay=replay_seconds(training, shape, dataset, device),
        start=START_SECONDS[device.gpu] + 2 * base_bytes / LOAD_BYTES,
        steps=updates * training.gradient_accumulation_steps * batch_seconds(training, shape, dataset, device),
        evaluations=evaluations * dev_rows * forward if dev_rows else 0.0,
        saving=count_checkpoints(training, updates) * saving_seconds(training, shape),
        samples=count_checkpoints(training, updates) * writing_seconds(training, shape, device) if dev_rows else 0.0,
        measuring=measuring_seconds(
            training, dev_rows, forward, base_bytes / LOAD_BYTES, count_checkpoints(training, updates)
        ),
        trials=trials_seconds(training, calibration, shape, device, updates) if dev_rows else 0.0,
    )


def writing_seconds(training: ResolvedTraining, shape: ModelShape, device: Device) -> float:
    """Return the seconds in which a checkpoint writes its sample passages, all at once, token by token."""
    return training.sample_tokens * token_seconds(shape, device) if training.samples else 0.0


def token_seconds(shape: ModelShape, device: Device) -> float:
    """Return the seconds in which a few prompts get one token more each."""
    blocks = shape.layers * DECODE_SECONDS
    return blocks if device.gpu else blocks + shape.parameters * shape.stored_bytes / CPU_READ_BYTES


def trials_seconds(
    training: ResolvedTraining, calibration: Calibration, shape: ModelShape, device: Device, updates: int
) -> float:
    """Return the seconds of all trials: of the base, the best checkpoint at each strength, and the others at 1.

    On a GPU a batch of prompts takes as long as one prompt. On a CPU its arithmetic takes longer than reading the
    weights.
    """
    if not calibration.strengths:
        return 0.0
    trials = len(calibration.strengths) + count_checkpoints(training, updates)
    batches = {calibration.briefs: TRIAL_TOKENS, calibration.instructions: ANSWER_TOKENS}
    tokens = sum(math.ceil(prompts / TOGETHER) * count for prompts, count in batches.items())
    seconds = tokens * token_seconds(shape, device)
    if not device.gpu:
        written = sum(prompts * count for prompts, count in batches.items())
        seconds += written * shape.forward_flops(training.lora_r, TRIAL_TOKENS) / arithmetic_speed(training, device)
    load = shape.parameters * shape.stored_bytes / LOAD_BYTES
    return MEASURE_START_SECONDS + load + trials * seconds


def replay_seconds(training: ResolvedTraining, shape: ModelShape, dataset: DatasetSize, device: Device) -> float:
    """Return the seconds in which the base writes the answers that are replayed."""
    if not dataset.replay_tokens:
        return 0.0
    written = WRITTEN * dataset.replay_tokens
    seconds = written / TOGETHER * token_seconds(shape, device)
    if not device.gpu:
        seconds += written * shape.forward_flops(training.lora_r, dataset.mean_row) / arithmetic_speed(training, device)
    return MEASURE_START_SECONDS + shape.parameters * shape.stored_bytes / LOAD_BYTES + seconds


def measuring_seconds(
    training: ResolvedTraining, dev_rows: int, forward: float, load: float, checkpoints: int
) -> float:
    """Return the seconds in which each checkpoint, and the base, score the dev rows and as many of other authors."""
    if not dev_rows:
        return 0.0
    passages = dev_rows + max(MEASURED_PASSAGES, dev_rows)
    bases = 2 if training.adapter == "qlora" else 1  # as it is stored, and as NF4 left it
    return MEASURE_START_SECONDS + load + bases * (checkpoints + 1) * passages * MEASURE_SHARE * forward


def arithmetic_speed(training: ResolvedTraining, device: Device) -> float:
    """Return the FLOP/s that a training is expected to reach on one device."""
    share = CPU_SHARE if not device.gpu else QLORA_SHARE if training.adapter == "qlora" else LORA_SHARE
    peak = device.peak_flops or UNKNOWN_CARD
    return share * (peak if training.precision == "bf16" else peak / 2)


def batch_seconds(training: ResolvedTraining, shape: ModelShape, dataset: DatasetSize, device: Device) -> float:
    """Return the seconds of a micro-batch of mean length, forward and backward.

    A preference is two rows, and the base without its adapter reads both as well; with an anchor it reads each row.
    """
    row = training.sequence_len * 0.95 if training.sample_packing else dataset.padded_row(training.micro_batch_size)
    tokens = training.micro_batch_size * min(row, training.sequence_len)
    flops = tokens * shape.training_flops(training.lora_r, dataset.mean_row, recompute=training.gradient_checkpointing)
    if training.kl_weight:
        flops += tokens * shape.forward_flops(training.lora_r, dataset.mean_row)
    if training.method == "dpo":
        flops = 2 * (flops + tokens * shape.forward_flops(training.lora_r, dataset.mean_row))
    seconds = flops / arithmetic_speed(training, device)
    return max(seconds, shape.layers * LAUNCH_SECONDS) if device.gpu else seconds


def saving_seconds(training: ResolvedTraining, shape: ModelShape) -> float:
    """Return the seconds that one checkpoint takes."""
    return SAVE_SECONDS + 12 * shape.lora_parameters(training.lora_r) / WRITE_BYTES


def epoch_batches(training: ResolvedTraining, dataset: DatasetSize, device: Device) -> int:
    """Return the micro-batches of an epoch on one device."""
    rows = dataset.packed_rows(training.sequence_len) if training.sample_packing else dataset.rows
    return max(1, math.ceil(rows / (training.micro_batch_size * device.gpus)))
