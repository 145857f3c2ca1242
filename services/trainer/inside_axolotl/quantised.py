"""How training quantised the base, written down so that a merge can repeat it. It runs inside Axolotl's environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import save_file

NF4 = "nf4, blocks of 64, nested in 256"  # what a merge can repeat


def write_quantised(model: Any, path: Path) -> None:
    """Write the scales of every 4-bit weight, so that a merge can repeat this quantisation; no file if there are none.

    For each layer: an 8-bit code for each block's scale, a scale for each group of codes, and their offset. If weights
    were quantised in another way, the file only names it.
    """
    weights = {name: getattr(layer, "weight", None) for name, layer in model.named_modules()}
    states = {plain_name(name): getattr(weight, "quant_state", None) for name, weight in weights.items()}
    quantised = {name: state for name, state in states.items() if state is not None}
    kinds = {describe_quantisation(state) for state in quantised.values()}
    tensors: dict[str, Any] = {}
    for name, state in quantised.items() if kinds == {NF4} else ():
        tensors |= {f"{name}.codes": state.absmax, f"{name}.groups": state.state2.absmax}
        tensors |= {f"{name}.offset": state.offset.reshape(1), "levels": state.state2.code}
    if quantised:
        copies = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
        save_file(copies, path, metadata={"kind": " and ".join(sorted(kinds))})


def describe_quantisation(state: Any) -> str:
    """Describe how a weight was quantised."""
    groups = f", nested in {state.state2.blocksize}" if state.nested else ""
    return f"{state.quant_type}, blocks of {state.blocksize}{groups}"


def plain_name(name: str) -> str:
    """Return a layer's name in the base model, without PEFT's wrappers."""
    return name.removeprefix("base_model.model.").replace(".base_layer", "")
