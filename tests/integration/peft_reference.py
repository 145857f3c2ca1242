"""Build tiny Llamas, LoRA adapters and PEFT's own merges: `python peft_reference.py FOLDER`, in Axolotl's environment.

FOLDER/<case>/{base,adapter,merged}: the base in the case's type, random A and B, and merge_and_unload of the base
loaded as fp32, saved as fp32.
"""

import sys
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
KINDS = {
    "plain": {},
    "rslora": {"use_rslora": True},
    "patterns": {
        "rank_pattern": {"q_proj": 4, r"layers\.1\.mlp\.down_proj": 16},
        "alpha_pattern": {"self_attn.o_proj": 24, r"^model\.layers\.0\.mlp\.up_proj": 3},
    },
}
TYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


def tiny_llama(dtype: torch.dtype, *, tied: bool) -> LlamaForCausalLM:
    """Two layers with grouped-query attention and random weights."""
    config = LlamaConfig(
        vocab_size=320,
        hidden_size=64,
        intermediate_size=176,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=tied,
    )
    return LlamaForCausalLM(config).to(dtype)


def write_case(folder: Path, dtype: torch.dtype, kind: str) -> None:
    """Write base, adapter and merge."""
    tiny_llama(dtype, tied=kind == "rslora").save_pretrained(folder / "base")
    base = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32)
    tuned = get_peft_model(base, LoraConfig(r=8, lora_alpha=12, target_modules=PROJECTIONS, **KINDS[kind]))
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.05)
    tuned.save_pretrained(folder / "adapter")
    fresh = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32)
    merged = PeftModel.from_pretrained(fresh, folder / "adapter").merge_and_unload()
    merged.save_pretrained(folder / "merged")


def main(folder: Path) -> None:
    """Write every case."""
    torch.manual_seed(0)
    for kind in KINDS:
        for name, dtype in TYPES.items():
            write_case(folder / f"{kind}-{name}", dtype, kind)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
