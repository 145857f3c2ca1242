"""A training with an anchor to its base: `python anchor_measures.py FOLDER`, in Axolotl's environment on a CPU.

FOLDER has cases.json: {"base": a tiny model's folder without weights, "configs": {name: a run's configuration}}. It
gets measured.json. Each trainer is the one that Axolotl builds from the configuration.
"""

import copy
import json
import sys
from pathlib import Path

import torch
from axolotl.cli.config import load_cfg
from axolotl.common.datasets import load_datasets
from axolotl.integrations.base import PluginManager
from axolotl.train import setup_model_and_trainer
from axolotl.utils.dict import DictDefault
from torch.nn import functional
from transformers import AutoConfig, AutoModelForCausalLM

from services.trainer.inside_axolotl.anchor import compute_base_logits, mark_trained, sum_divergence


def build(config: dict) -> tuple:
    """Build the trainer of a configuration, with the model in fp32 and without dropout in what is compared."""
    PluginManager._instance = None
    cfg = load_cfg(DictDefault(config))
    PluginManager.get_instance().load_datasets(cfg, preprocess=False)
    trainer, model, *_ = setup_model_and_trainer(cfg, load_datasets(cfg=cfg))
    return trainer, model.float().train()


def learn(model: torch.nn.Module) -> None:
    """Move the adapter away from zero, as if it had learned something."""
    torch.manual_seed(5)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.05)


def naive_loss(trainer, model: torch.nn.Module, base: torch.nn.Module, batch: dict, weight: float) -> torch.Tensor:
    """Compute the anchored loss of a batch by its definition, with a base of its own."""
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    tuned = model(**inputs).logits[:, :-1].log_softmax(-1)
    with torch.no_grad():
        reference = base(**inputs).logits[:, :-1].log_softmax(-1)
    labels = batch["labels"][:, 1:]
    trained = labels != -100
    loss = functional.nll_loss(tuned[trained], labels[trained])
    divergence = (reference.exp() * (reference - tuned)).sum(-1)[trained].mean()
    return loss + weight * divergence


def gradients(model: torch.nn.Module, loss: torch.Tensor) -> torch.Tensor:
    """Return the gradient of all trained weights as one vector."""
    model.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten().clone() for p in model.parameters() if p.requires_grad])


def compare(config: dict) -> dict:
    """Compare the trainer's loss and its gradient with the definition, at the start and once it has learned."""
    trainer, model = build(config)
    weight, results = config["kl_weight"], {}
    batch = next(iter(trainer.get_train_dataloader()))
    base = copy.deepcopy(model).merge_and_unload().eval()  # the adapter is zero
    for name in ("start", "learned"):
        if name == "learned":
            learn(model)
        ours = gradients(model, trainer.compute_loss(model, dict(batch)))
        loss = float(trainer.compute_loss(model, dict(batch)))
        naive = naive_loss(trainer, model, base, batch, weight)
        plain = naive_loss(trainer, model, base, batch, 0.0)
        results[name] = {
            "ours": loss,
            "naive": naive.item(),
            "plain": plain.item(),
            "gradient_error": float((ours - gradients(model, naive)).norm() / ours.norm()),
            "gradient_change": float((ours - gradients(model, plain)).norm() / ours.norm()),
        }
    results["trainer"] = type(trainer).__name__
    results["trained"] = model.training and all(p.requires_grad for n, p in model.named_parameters() if "lora_" in n)
    results["whole"] = whole_update(trainer, model, batch)
    model.eval()
    results["evaluated"] = float(trainer.compute_loss(model, dict(batch)))
    return results


def whole_update(trainer, model: torch.nn.Module, batch: dict) -> list[float]:
    """Return the loss of a row twice in an update, counted over the update's tokens, and that of the row alone."""
    count = (batch["labels"][..., 1:] != -100).sum()
    trainer.model_accepts_loss_kwargs = True  # else the trainer has each micro-batch count the same, and no such number
    return [
        2 * float(trainer.compute_loss(model, dict(batch), num_items_in_batch=2 * count)),
        float(trainer.compute_loss(model, dict(batch), num_items_in_batch=count)),
    ]


def undisturbed_numbers(config: dict) -> bool:
    """Return whether asking the base leaves the random numbers as they are."""
    trainer, model = build(config)
    batch = next(iter(trainer.get_train_dataloader()))
    before = torch.random.get_rng_state()
    compute_base_logits(model, dict(batch))
    return torch.equal(before, torch.random.get_rng_state())


def chunks_add_up() -> list[float]:
    """Return the divergence of 300 tokens in chunks and at once, and that of two equal models."""
    torch.manual_seed(3)
    tuned, base = torch.randn(2, 150, 40), torch.randn(2, 150, 40)
    trained = mark_trained(torch.where(torch.rand(2, 150) < 0.5, -100, 1))
    scores = base.log_softmax(-1)
    whole = ((scores.exp() * (scores - tuned.log_softmax(-1))).sum(-1) * trained).sum()
    return [float(sum_divergence(tuned, base, trained)), float(whole), float(sum_divergence(base, base, trained))]


def run(config: dict) -> list[dict]:
    """Train as Axolotl does, in bf16, and return what was logged."""
    PluginManager._instance = None
    cfg = load_cfg(DictDefault(config))
    PluginManager.get_instance().load_datasets(cfg, preprocess=False)
    trainer, *_ = setup_model_and_trainer(cfg, load_datasets(cfg=cfg))
    for callback in PluginManager.get_instance().add_callbacks_post_trainer(cfg, trainer):
        trainer.add_callback(callback)
    trainer.train()
    log = Path(config["output_dir"]).parent / "metrics.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    cases = json.loads((folder / "cases.json").read_text())
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(cases["base"])).save_pretrained(cases["base"])
    configs = cases["configs"]
    measured = {
        "compared": {name: compare(configs[name]) for name in ("rows", "packed")},
        "random_numbers_kept": undisturbed_numbers(configs["rows"]),
        "chunks": chunks_add_up(),
        "logged": run(configs["run"]),
    }
    (folder / "measured.json").write_text(json.dumps(measured))
