"""MFU: the share of the device's peak that the model's own arithmetic achieves.

Defined in PaLM (arXiv:2204.02311, appendix B): observed tokens per second, times the model's FLOPs per token, over the
peak. Recomputation that saves memory does not count. FLOPs per token follow arXiv:2001.08361, section 2.1: 2 per
parameter forward, 2 backward through the activations and 2 for the parameter's own gradient, which is not computed for
the frozen ones of a LoRA training. Attention scores are left out, so the ratio is a little low for long passages.
Standard library only: the plugin uses it inside Axolotl's environment.
"""

from __future__ import annotations

FROZEN_FLOPS = 4  # per token and parameter
TRAINED_FLOPS = 6


class Utilisation:
    """The share of the peak, from one step to the next."""

    def __init__(self, flops_per_token: float, peak: float) -> None:
        self._flops_per_token = flops_per_token
        self._peak = peak  # FLOP/s
        self._since: float | None = None
        self._tokens: int | None = None

    def pause(self, now: float) -> None:
        """Restart the clock at `now` (seconds): an evaluation or a save until then was not training."""
        self._since = now

    def step(self, now: float, tokens: int) -> float | None:
        """Return the share since the last step, of `tokens` in all, or None for the first step, which warms up."""
        since, before = self._since, self._tokens
        self._since, self._tokens = now, tokens
        if since is None or before is None or now <= since:
            return None
        return (tokens - before) * self._flops_per_token / (now - since) / self._peak
