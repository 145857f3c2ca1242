"""Axolotl as a child process: its configuration, made from a recipe, its command line and environment variables."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from scriptorium.artifacts.checkpoints import FOLDER
from scriptorium.artifacts.dataset import Row
from scriptorium.contracts import TrainRequest
from scriptorium.models.tokenizer import chat_tokenizer
from scriptorium.planning.resolve import count_updates
from scriptorium.process.tool_environment import make_tool_environment
from scriptorium.recipe import ResolvedTraining
from scriptorium.settings import PROJECT, get_settings

PLUGIN = "services.trainer.inside_axolotl.plugin.ScriptoriumPlugin"
SHARED_KEYS = (
    "adapter",
    "lora_r",
    "lora_alpha",
    "lora_dropout",
    "num_epochs",
    "micro_batch_size",
    "gradient_accumulation_steps",
    "learning_rate",
    "lr_scheduler",
    "warmup_ratio",
    "optimizer",
    "weight_decay",
    "sequence_len",
    "sample_packing",
    "gradient_checkpointing",
)

DEFAULTS = {
    "TOKENIZERS_PARALLELISM": "false",
    "MALLOC_MMAP_THRESHOLD_": "268435456",  # keep freed activations: returning them costs a third of the speed
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
}
FIXED = {"AXOLOTL_DO_NOT_TRACK": "1", "PYTHONPATH": str(PROJECT)}


def make_config(
    request: TrainRequest, training: ResolvedTraining, folder: Path, train: list[Row], dev: list[Row], *, gpu: bool
) -> dict[str, Any]:
    """Make Axolotl's configuration of one run; `folder` gets checkpoints/, metrics.jsonl and the prepared rows."""
    steps = count_updates(training, len(train))
    interval = math.ceil(steps / training.checkpoints)
    config: dict[str, Any] = {
        "base_model": str(request.base),
        "plugins": [PLUGIN],
        "seed": request.seed,
        "output_dir": str(folder / FOLDER),
        "dataset_prepared_path": str(folder / "prepared"),
        "auto_resume_from_checkpoints": True,
        "chat_template": "tokenizer_default",
        "special_tokens": {"eos_token": chat_tokenizer(request.base).end_of_turn},
        "datasets": [_dataset_entry(request.dataset / "train.jsonl")],
        "load_in_4bit": training.adapter == "qlora",
        "lora_target_linear": True,
        "max_steps": training.max_steps,
        "bf16": training.precision == "bf16",
        "pad_to_sequence_len": False,
        "attn_implementation": "sdpa",
        "logging_steps": 1,
        "save_steps": interval,
        "save_total_limit": training.checkpoints + 1,
        "include_tkps": True,
        **{key: getattr(training, key) for key in SHARED_KEYS},
    }
    if dev:
        test_dataset = {**_dataset_entry(folder / "dev.jsonl"), "split": "train"}
        config |= {"test_datasets": [test_dataset], "eval_steps": interval}
    if not gpu:
        config |= dict.fromkeys(("lora_mlp_kernel", "lora_qkv_kernel", "lora_o_kernel"), False)
    return {key: value for key, value in config.items() if value is not None}


def _dataset_entry(path: Path) -> dict[str, Any]:
    """Make an entry for chat rows; assistant turns are trained, with their end, unless a turn sets `training` false."""
    return {
        "path": str(path),
        "ds_type": "json",
        "type": "chat_template",
        "field_messages": "messages",
        "message_field_training": "training",
        "roles_to_train": ["assistant"],
        "train_on_eos": "turn",
    }


def make_command(environment: Path, config: Path) -> list[str | Path]:
    """Make the command line; one process needs no launcher."""
    return [environment / "bin" / "axolotl", "train", config, "--launcher", "python"]


def make_environment(environment: Path) -> dict[str, str]:
    """Make the environment variables of a process in Axolotl's environment."""
    return make_tool_environment(environment, get_settings().cache, DEFAULTS, FIXED)
