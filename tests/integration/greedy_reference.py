"""A model's greedy answer by transformers: `python greedy_reference.py FOLDER QUESTION MAX_TOKENS OUTPUT`, in Axolotl's
environment.
"""

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


@torch.no_grad()
def main(folder: str, question: str, max_tokens: int, output: Path) -> None:
    """Write the answer's text, without the token that ends it."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    messages = [{"role": "user", "content": question}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    ids = model.generate(**prompt, max_new_tokens=max_tokens, do_sample=False)[0, prompt["input_ids"].shape[1] :]
    output.write_text(tokenizer.decode(ids, skip_special_tokens=True))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
