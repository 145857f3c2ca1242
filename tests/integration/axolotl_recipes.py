"""What Axolotl makes of configurations and rows: `python axolotl_recipes.py FOLDER`, in Axolotl's environment.

FOLDER has cases.json: {"base": a model's folder without weights, "configs": {name: {"config", "gpus"}}, "packed": a
configuration of a run on this CPU}. It gets results.json: {"configs": {name: {"config"} or {"error"}}, "packed": what
the trainer would train on, "agreed": answers, "saved": names of files}.
"""

import json
import os
import sys
from pathlib import Path

import torch
from axolotl.cli import config as cli_config
from axolotl.common.datasets import load_datasets
from axolotl.integrations.base import PluginManager
from axolotl.train import setup_model_and_trainer
from axolotl.utils.dict import DictDefault
from transformers import AutoConfig, AutoModelForCausalLM

from services.trainer.inside_axolotl.plugin import ScriptoriumPlugin, any_process


def load(config: dict, gpus: int) -> DictDefault:
    """Load a configuration with Axolotl's own function, as on a machine with Blackwell cards."""
    if gpus:
        card = {"bf16": True, "fp8": True, "tf32": True, "n_gpu": gpus, "compute_capability": "sm_120"}
        cli_config.gpu_capabilities = lambda: (card, {"torch_version": "2.12.0"})
    before = dict(os.environ)
    PluginManager._instance = None
    try:
        return cli_config.load_cfg(DictDefault(config))
    finally:
        os.environ.clear()
        os.environ.update(before)


def validate(config: dict, gpus: int) -> dict:
    try:
        return {"config": json.loads(json.dumps(load(config, gpus).to_dict(), default=str))}
    except ValueError as error:
        return {"error": str(error)}


def pack(base: Path, config: dict) -> dict:
    """Prepare rows, load a model and build the trainer as Axolotl does, and look at what the trainer would train on."""
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base)).save_pretrained(base)
    cfg = load(config, 0)
    PluginManager.get_instance().load_datasets(cfg, preprocess=False)
    meta = load_datasets(cfg=cfg)
    trainer, model, *_ = setup_model_and_trainer(cfg, meta)
    model = model.float().eval()
    rows = meta.train_dataset
    epochs, losses = [], []
    for epoch in range(3):
        loader = trainer.get_train_dataloader()
        loader.set_epoch(epoch)
        batches = list(loader)
        epochs.append([batch["input_ids"][0].tolist() for batch in batches])
    with torch.no_grad():
        for batch in batches:
            losses.append(float(model(**batch).loss) * int((batch["labels"][..., 1:] != -100).sum()))
        apart = [
            float(model(input_ids=torch.tensor([row["input_ids"]]), labels=torch.tensor([row["labels"]])).loss)
            * sum(label != -100 for label in row["labels"][1:])
            for row in rows
        ]
    return {
        "rows": [{"ids": row["input_ids"], "trained": [label != -100 for label in row["labels"]]} for row in rows],
        "epochs": epochs,
        "keys": sorted(batches[0]),
        "positions": [batch["position_ids"][0].tolist() for batch in batches],
        "max_steps": trainer.args.max_steps,
        "warmup_steps": trainer.args.warmup_steps,
        "packed_loss": sum(losses),
        "apart_loss": sum(apart),
    }


def agree(folder: Path) -> list[bool]:
    """Ask all processes of a group, of which there is one, the plugin's question."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder / 'group'}", rank=0, world_size=1)
    answers = [any_process(condition, "cpu") for condition in (True, False)]
    torch.distributed.destroy_process_group()
    return answers


def leave_saved(folder: Path) -> list[str]:
    """Return which of the files that Axolotl saves in the end are left after a training by preferences."""
    folder.mkdir()
    for name in ("adapter_model.safetensors", "model.safetensors", "model-00001-of-00002.safetensors", "config.json"):
        (folder / name).touch()
    ScriptoriumPlugin().post_train_unload(DictDefault({"rl": "dpo", "output_dir": str(folder)}))
    return sorted(path.name for path in folder.iterdir())


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    cases = json.loads((folder / "cases.json").read_text())
    packed = pack(Path(cases["base"]), cases["packed"])
    configs = {name: validate(**case) for name, case in cases["configs"].items()}
    results = {"configs": configs, "packed": packed, "agreed": agree(folder), "saved": leave_saved(folder / "saved")}
    (folder / "results.json").write_text(json.dumps(results))
