"""Evaluations by the plain loss, in a training whose own loss weighs the tokens. Runs inside Axolotl.

Axolotl would use the weighted loss for the dev rows as well: in another unit than nats per token, it would choose the
checkpoint, and stop a training early.
"""

from __future__ import annotations

from typing import Any

from transformers.loss.loss_utils import ForCausalLMLoss


def evaluate_plainly(trainer: Any) -> None:
    """Have the trainer's own loss function called in training only."""
    weighted = trainer.compute_loss_func

    def compute(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        if trainer.model.training:
            return weighted(outputs, labels, num_items_in_batch=num_items_in_batch)
        return ForCausalLMLoss(outputs.logits, labels, outputs.logits.shape[-1], num_items_in_batch)

    trainer.compute_loss_func = compute
