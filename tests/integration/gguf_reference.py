"""A tiny Llama and the logits of its GGUF files: `python gguf_reference.py FOLDER [FILE...]`, in Axolotl's environment.

Without files it writes FOLDER (grouped-query attention) and FOLDER.logits.safetensors; with files it loads each with
transformers and writes its logits beside it.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

IDS = torch.arange(1, 41).reshape(2, 20)
ROPE = {"rope_type": "default", "rope_theta": 500000.0}


@torch.no_grad()
def main(folder: Path, files: list[str]) -> None:
    """Write the model, or the logits of the files."""
    for name in files:
        path = Path(name)
        loaded = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
        save_file({"logits": loaded(IDS).logits}, path.with_suffix(".logits.safetensors"))
    if not files:
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=64, hidden_size=128, intermediate_size=192, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=256, rope_parameters=ROPE, tie_word_embeddings=False,
        )  # fmt: skip
        model = LlamaForCausalLM(config).to(torch.bfloat16)
        model.save_pretrained(folder)
        save_file({"logits": model.float().eval()(IDS).logits}, folder.with_suffix(".logits.safetensors"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
