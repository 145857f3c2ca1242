"""The order of rows that Axolotl trains: `python order_in_axolotl.py FOLDER`, in Axolotl's environment on a CPU.

FOLDER has case.json: {"base": a tiny model's folder without weights, "config": a run's configuration}. It gets
order.json: the token ids of each row in the order of the updates.
"""

import json
import sys
from pathlib import Path

import torch
from axolotl.cli.config import load_cfg
from axolotl.common.datasets import load_datasets
from axolotl.integrations.base import PluginManager
from axolotl.train import setup_model_and_trainer
from axolotl.utils.dict import DictDefault
from transformers import AutoConfig, AutoModelForCausalLM


def record_rows(model: torch.nn.Module) -> list[list[int]]:
    """Return a list that gets the rows that reach the model."""
    rows: list[list[int]] = []

    def record(module: torch.nn.Module, args: tuple, inputs: dict) -> None:
        for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True):
            rows.append(ids[mask.bool()].tolist())

    model.register_forward_pre_hook(record, with_kwargs=True)
    return rows


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    case = json.loads((folder / "case.json").read_text())
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(case["base"])).save_pretrained(case["base"])
    cfg = load_cfg(DictDefault(case["config"]))
    PluginManager.get_instance().load_datasets(cfg, preprocess=False)
    trainer, model, *_ = setup_model_and_trainer(cfg, load_datasets(cfg=cfg))
    rows = record_rows(model)
    trainer.train()
    (folder / "order.json").write_text(json.dumps({"rows": rows, "steps": trainer.state.global_step}))
