"""A training anchored to its base: the loss plus `kl_weight` times KL(base || tuned). Runs inside Axolotl.

The base is the model itself with its adapter off, so it costs one more forward pass and no memory for weights. The
divergence is taken at every trained token of a batch, the author's and the replayed ones alike: what a training
forgets grows with the divergence on the text that it learns (arXiv 2509.04259), and LLaMA-Factory's ASFT anchors the
same tokens (weight 0.1). It is summed over the whole vocabulary, in chunks of tokens that are computed again in the
backward pass, so that beside both models' logits only their gradient is ever whole.

Dev losses stay what they are without an anchor. The mean divergence of each step is logged as `kl`, in nats per token.
"""

from __future__ import annotations

from typing import Any

import torch
from axolotl.core.trainers.base import AxolotlTrainer
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from services.trainer.inside_axolotl.writing.write_samples import undisturbed

CHUNK = 128  # tokens: a large vocabulary takes half a megabyte for each
IGNORED = -100  # the label of a token that does not train


class AnchoredTrainer(AxolotlTrainer):  # type: ignore[misc]
    """Axolotl's trainer with the divergence added to its loss."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the anchored loss in training, and the plain one of an evaluation."""
        trained = mark_trained(inputs["labels"])
        loss, outputs = super().compute_loss(model, inputs, return_outputs=True, num_items_in_batch=num_items_in_batch)
        if model.training:
            base = compute_base_logits(model, inputs)
            whole_update = num_items_in_batch is not None  # else each micro-batch counts the same
            count = num_items_in_batch if whole_update else trained.sum()
            divergence = sum_divergence(outputs.logits, base, trained) / count
            self.store_metrics({"kl": divergence.item()}, reduction="sum" if whole_update else "mean")
            loss = loss + self.axolotl_cfg.kl_weight * divergence
        return (loss, outputs) if return_outputs else loss


def mark_trained(labels: torch.Tensor) -> torch.Tensor:
    """Return where the logits (batch, tokens) predict a trained token: one place before its label."""
    return functional.pad(labels[:, 1:] != IGNORED, (0, 1))


def compute_base_logits(model: Any, inputs: dict[str, Any]) -> torch.Tensor:
    """Return the logits (batch, tokens, vocabulary) of the model without its adapter."""
    asked = {name: value for name, value in inputs.items() if name not in ("labels", "num_items_in_batch")}
    with undisturbed(model), model.disable_adapter():
        logits: torch.Tensor = model(**asked, use_cache=False).logits
    return logits


def sum_divergence(tuned: torch.Tensor, base: torch.Tensor, trained: torch.Tensor) -> torch.Tensor:
    """Return the sum of KL(base || tuned) over the tokens that are marked, in nats; logits are as above."""
    places = trained.flatten().split(CHUNK)
    chunks = zip(tuned.flatten(0, 1).split(CHUNK), base.flatten(0, 1).split(CHUNK), places, strict=True)
    return torch.stack([checkpoint(sum_chunk, *chunk, use_reentrant=False) for chunk in chunks]).sum()


def sum_chunk(tuned: torch.Tensor, base: torch.Tensor, trained: torch.Tensor) -> torch.Tensor:
    """Return the sum over a chunk of tokens, computed in fp32."""
    scores = tuned.float().log_softmax(-1), base.float().log_softmax(-1)
    return (functional.kl_div(*scores, reduction="none", log_target=True).sum(-1) * trained).sum()
