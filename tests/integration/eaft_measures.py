"""The loss that Axolotl weighs by entropy: `python eaft_measures.py FOLDER`, in Axolotl's environment on a CPU.

FOLDER has case.json: {"base": a tiny model's folder without weights, "config": a run's configuration}. It gets
measured.json: the loss in training and in an evaluation, and both by their definitions.
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

TOP = 20


def definitions(model: torch.nn.Module, batch: dict) -> dict[str, float]:
    """Return the mean loss of the trained tokens, and the mean weighted by the entropy of the likeliest."""
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    labels = batch["labels"][:, 1:]
    trained = labels != -100
    with torch.no_grad():
        logits = model(**inputs).logits[:, :-1][trained].float()
    losses = -logits.log_softmax(-1).gather(-1, labels[trained][:, None])[:, 0]
    top = logits.topk(TOP).values.log_softmax(-1)
    return {"plain": losses.mean().item(), "weighted": (losses * -(top.exp() * top).sum(-1)).mean().item()}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    case = json.loads((folder / "case.json").read_text())
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(case["base"]))
    model.lm_head.weight.data *= 20  # so that the entropies of the tokens differ
    model.save_pretrained(case["base"])
    cfg = load_cfg(DictDefault(case["config"]))
    PluginManager.get_instance().load_datasets(cfg, preprocess=False)
    trainer, model, *_ = setup_model_and_trainer(cfg, load_datasets(cfg=cfg))
    model = model.float()
    batch = next(iter(trainer.get_train_dataloader()))
    count = (batch["labels"][..., 1:] != -100).sum()
    losses = definitions(model.eval(), batch)
    for name in ("training", "evaluation"):
        model.train(name == "training")
        losses[name] = float(trainer.compute_loss(model, dict(batch), num_items_in_batch=count))
    evaluated = trainer.evaluate()["eval_loss"]
    dev = definitions(model, next(iter(trainer.get_eval_dataloader())))
    trainer.train()
    logged = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    measured = {**losses, "evaluated": evaluated, "dev": dev, "logged": logged}
    (folder / "measured.json").write_text(json.dumps(measured))
