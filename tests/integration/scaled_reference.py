"""PEFT's own scaling beside our light copies: `python scaled_reference.py FOLDER`, in Axolotl's environment.

Without FOLDER/<case>/copy it writes bases and adapters (`peft_reference.write_case`). With it, it loads base and
adapter and multiplies PEFT's scaling by the strength in FOLDER/strength; loads base and copy; loads the merged model
FOLDER/<case>/ours; and writes their logits, and those at strength 1: FOLDER/<case>/<name>.logits.safetensors.
"""

import sys
from pathlib import Path

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from peft_reference import IDS, load, write_case
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

KINDS = ("plain", "rslora", "patterns")
PRECISION = "bf16"


def load_scaled(folder: Path, kind: str, strength: float) -> PeftModel:
    """Load base and adapter, with the scaling of every layer multiplied."""
    tuned = PeftModel.from_pretrained(load(folder, kind), folder / "adapter")
    for module in tuned.modules():
        if isinstance(module, LoraLayer):
            module.scaling["default"] *= strength
    return tuned


@torch.no_grad()
def write_logits(folder: Path, kind: str, strength: float) -> None:
    """Write the logits of the three models, all as fp32."""
    models = {
        "scaled": load_scaled(folder, kind, strength),
        "copy": PeftModel.from_pretrained(load(folder, kind), folder / "copy"),
        "ours": AutoModelForCausalLM.from_pretrained(folder / "ours", dtype=torch.float32),
        "whole": load_scaled(folder, kind, 1.0),
    }
    for name, model in models.items():
        save_file({"logits": model.eval()(IDS).logits}, folder / f"{name}.logits.safetensors")


def main(folder: Path) -> None:
    """Write what is missing."""
    torch.manual_seed(0)
    for kind in KINDS:
        case = folder / kind
        if (case / "copy").exists():
            write_logits(case, kind, float((folder / "strength").read_text()))
        else:
            write_case(case, PRECISION, kind)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
