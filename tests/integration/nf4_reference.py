"""A tiny Llama in 4 bits, as Axolotl loads one: `python nf4_reference.py FOLDER`, in Axolotl's environment.

It writes FOLDER/base in bf16, FOLDER/quantised.safetensors as the plugin writes it, and FOLDER/expected.safetensors:
every 4-bit weight, dequantised by bitsandbytes.
"""

import sys
from pathlib import Path

import torch
from bitsandbytes import functional
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

from services.trainer.inside_axolotl.quantised import plain_name, write_quantised


@torch.no_grad()
def main(folder: Path) -> None:
    """Write the base, its quantisation and the dequantised weights."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=192, intermediate_size=320, num_hidden_layers=2, num_attention_heads=3,
        num_key_value_heads=3, max_position_embeddings=256, tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.model.layers[0].mlp.up_proj.weight[5] = 0  # empty blocks
    model.save_pretrained(folder / "base")
    quantisation = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16, bnb_4bit_quant_storage=torch.bfloat16,
    )  # fmt: skip
    quantised = AutoModelForCausalLM.from_pretrained(
        folder / "base", quantization_config=quantisation, dtype=torch.bfloat16
    )
    tuned = get_peft_model(quantised, LoraConfig(r=4, target_modules=["q_proj", "up_proj"]))
    write_quantised(tuned, folder / "quantised.safetensors")
    layers = {plain_name(name): layer for name, layer in tuned.named_modules() if hasattr(layer, "weight")}
    expected = {
        f"{name}.weight": functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state).clone()
        for name, layer in layers.items()
        if getattr(layer.weight, "quant_state", None) is not None
    }
    save_file(expected, folder / "expected.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
