"""A tiny Llama with two adapters, and torch's own losses of passages: `python measured_reference.py FOLDER`.

It runs in Axolotl's environment, on the CPU, and carries out the order FOLDER/order.json of
`services.trainer.inside_axolotl.score_checkpoints`. FOLDER/expected.json has the losses of the author's passages and of
others, computed another way: by the model's own loss over labels, with the adapter merged in.
"""

import json
import sys
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from services.trainer.inside_axolotl import score_checkpoints

PASSAGES = [{"ids": list(range(1, 40)), "start": 9}, {"ids": list(range(60, 20, -1)), "start": 1}]
OTHERS = [{"ids": [5, 9, 33, 2, 41, 7, 7, 50, 12], "start": 4}]


def make(folder: Path) -> dict[str, str]:
    """Write the base, an adapter that adds nothing (step 3) and one that does (step 6); return the order's adapters."""
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
                         num_attention_heads=4, num_key_value_heads=2)  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder / "base")
    adapters = {}
    for step in (3, 6):
        base = LlamaForCausalLM.from_pretrained(folder / "base")
        tuned = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "up_proj"], init_lora_weights=step == 3))
        tuned.save_pretrained(folder / f"adapter-{step}")
        adapters[str(folder / f"checkpoint-{step}.json")] = str(folder / f"adapter-{step}")
    return adapters


@torch.no_grad()
def losses(folder: Path, step: int | None) -> dict[str, list[float]]:
    """Return the summed loss of every passage under the base, or with an adapter merged in."""
    model = LlamaForCausalLM.from_pretrained(folder / "base").eval()
    if step:
        model = PeftModel.from_pretrained(model, folder / f"adapter-{step}").merge_and_unload().eval()
    sums: dict[str, list[float]] = {}
    for name, passages in (("passages", PASSAGES), ("others", OTHERS)):
        sums[name] = []
        for passage in passages:
            ids = torch.tensor([passage["ids"]])
            labels = ids.clone()
            labels[:, : passage["start"]] = -100
            count = len(passage["ids"]) - passage["start"]
            sums[name].append(float(model(ids, labels=labels).loss) * count)
    return sums


def main(folder: Path) -> None:
    """Write the order, carry it out, and write the expected losses."""
    order = {"training": str(folder), "base": str(folder / "base"), "adapters": make(folder),
             "passages": PASSAGES, "others": OTHERS, "references": 1, "quantised": str(folder / "none")}  # fmt: skip
    (folder / "order.json").write_text(json.dumps(order))
    score_checkpoints.main(folder / "order.json")
    expected = {str(step or "base"): losses(folder, step) for step in (None, 3, 6)}
    results = {step: json.loads((folder / f"checkpoint-{step}.json").read_text()) for step in (3, 6)}
    selectivity = {step: score_checkpoints.selectivity(result["bases"]["stored"]) for step, result in results.items()}
    (folder / "selectivity.json").write_text(json.dumps(selectivity))
    (folder / "expected.json").write_text(json.dumps(expected))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
