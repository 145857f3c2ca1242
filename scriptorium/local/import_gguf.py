"""Turn a GGUF file into an ordinary model folder: `python import_gguf.py FILE FOLDER`. Runs in Axolotl's environment.

The tokenizer's end token is set to the one in the model's configuration: in GGUF files the two often differ.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def convert(source: Path, folder: Path) -> None:
    """Write bf16 weights, configuration, tokenizer and chat template; the folder appears complete or not at all."""
    temporary = folder.with_name(f".{folder.name}.tmp")
    names: dict[str, Any] = {
        "pretrained_model_name_or_path": str(source.parent),
        "gguf_file": source.name,
        "trust_remote_code": False,
    }
    model: Any = AutoModelForCausalLM.from_pretrained(**names, dtype=torch.bfloat16)
    tokenizer: Any = AutoTokenizer.from_pretrained(**names)
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(model.config.eos_token_id)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.unk_token
    model.save_pretrained(temporary)
    tokenizer.save_pretrained(temporary)
    temporary.rename(folder)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
