"""The device that a training runs on, as far as a plan needs it: its peak, its memory, and the volume's free space."""

from __future__ import annotations

from dataclasses import dataclass

TERA = 1e12
UNKNOWN_CARD = 100 * TERA

# Peak of dense bf16 products with fp32 accumulation, in FLOP/s, from NVIDIA's architecture whitepapers and data sheets:
# GeForce halves the rate of fp16 accumulation for it. The longest name that is part of the driver's name counts.
CARD_PEAKS = {
    "RTX 5090": 209.5 * TERA,
    "RTX 5080": 112.6 * TERA,
    "RTX 4090": 165.2 * TERA,
    "RTX 4080": 97.5 * TERA,
    "RTX 3090": 71.0 * TERA,
    "L4": 121.0 * TERA,
    "L40S": 362.0 * TERA,
    "A100": 312.0 * TERA,
    "H100": 989.4 * TERA,
    "H100 PCIe": 756.0 * TERA,
    "H200": 989.4 * TERA,
}


@dataclass(frozen=True)
class Device:
    """A GPU, or a machine without one; bytes are None if they cannot be read from here.

    `name` is the card's name, or "cpu"; `peak_flops` is None for a card that is not known.
    """

    name: str
    gpu: bool
    peak_flops: float | None = None
    total_bytes: int | None = None
    free_bytes: int | None = None
    free_disk_bytes: int | None = None
    gpus: int = 1


def known_peak(card: str) -> float | None:
    """Return the peak of a card in FLOP/s by the driver's name for it; None if it is not in the table."""
    names = [name for name in CARD_PEAKS if name.lower() in card.lower()]
    return CARD_PEAKS[max(names, key=len)] if names else None
