"""Axolotl as a child process: its configuration, made from a recipe, its command line and environment variables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scriptorium.artifacts.checkpoints import FOLDER, complete_checkpoints
from scriptorium.artifacts.dataset import Row
from scriptorium.contracts import TrainRequest
from scriptorium.models.tokenizer import chat_tokenizer
from scriptorium.planning.packing import ROWS_IN_PACKED_ROW, count_rows
from scriptorium.planning.resolve import count_updates, count_warmup
from scriptorium.process.tool_environment import make_tool_environment
from scriptorium.recipe import ResolvedTraining
from scriptorium.settings import PROJECT, get_settings

PLUGIN = "services.trainer.inside_axolotl.plugin.ScriptoriumPlugin"
LIGER_PLUGIN = "axolotl.integrations.liger.LigerPlugin"
CUT_CROSS_ENTROPY_PLUGIN = "axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin"
CPU_OPTIONS = {"lora_mlp_kernel": False, "lora_qkv_kernel": False, "lora_o_kernel": False}
FEW_ROWS = 2000  # tokenised in this process before others have been started for it
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
    "optimizer",
    "weight_decay",
    "sequence_len",
    "sample_packing",
    "gradient_checkpointing",
    "early_stopping_patience",
)

DEFAULTS = {
    "TOKENIZERS_PARALLELISM": "false",
    "MALLOC_MMAP_THRESHOLD_": "268435456",  # keep freed activations: returning them costs a third of the speed
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
}
FIXED = {"PYTHONPATH": str(PROJECT)}


@dataclass(frozen=True)
class TrainingRows:
    """The rows of a training: those to learn from, with their tokens, and those that measure it.

    The last `replayed` ones to learn from are replayed, if rows are not packed.
    """

    train: Sequence[Row]
    lengths: Sequence[int]
    dev: Sequence[Row]
    replayed: int = 0


def make_config(
    request: TrainRequest,
    training: ResolvedTraining,
    folder: Path,
    rows: TrainingRows,
    *,
    gpu: bool,
    processes: int = 1,
) -> dict[str, Any]:
    """Make Axolotl's configuration of one run; `folder` gets checkpoints/, metrics.jsonl and the prepared rows.

    Each of the `processes` trains a share of the rows. Updates are always given as a number, because Axolotl's own is
    rounded down over all epochs, which would leave out rows of the last one.
    """
    process_rows = math.ceil(count_rows(training, rows.lengths) / processes)
    steps = count_updates(training, process_rows)
    interval = math.ceil(steps / training.checkpoints)
    between = [checkpoint for checkpoint in complete_checkpoints(folder) if checkpoint.step % interval]  # of pauses
    config: dict[str, Any] = {
        "base_model": str(request.base),
        "trust_remote_code": False,  # a base brings no code of its own, whatever auto_map it has
        "plugins": [PLUGIN],
        "seed": request.seed,
        "output_dir": str(folder / FOLDER),
        "dataset_prepared_path": str(folder / "prepared"),
        "dataset_num_proc": 0 if len(rows.train) <= FEW_ROWS else None,
        "dataloader_num_workers": 0,  # a worker outlives a killed training, and rows are small
        "auto_resume_from_checkpoints": True,
        "chat_template": "tokenizer_default",
        "special_tokens": {"eos_token": chat_tokenizer(request.base).end_of_turn},
        "datasets": [_dataset_entry(training, training_rows_path(request, folder))],
        "load_in_4bit": training.adapter == "qlora",
        "lora_target_linear": True,
        "max_steps": steps,
        "warmup_steps": count_warmup(training, process_rows),
        "bf16": training.precision == "bf16",
        "pad_to_sequence_len": False,
        "attn_implementation": "sdpa",
        "logging_steps": 1,
        "save_steps": interval,
        "save_total_limit": training.checkpoints + 1 + len(between),
        "include_tkps": True,
        **{key: getattr(training, key) for key in SHARED_KEYS},
    }
    if rows.dev:
        test_dataset = {**_dataset_entry(training, folder / "dev.jsonl"), "split": "train"}
        config |= {"test_datasets": [test_dataset], "eval_steps": interval}
    if training.use_eaft:
        config["use_eaft"] = True
    if training.method == "dpo":
        config |= {"rl": "dpo", "rl_beta": training.beta}
    if training.kl_weight:
        config["kl_weight"] = training.kl_weight  # a key of our plugin
    if training.sample_packing:
        config |= _packing_options()
    if training.recovery:
        config |= {"curriculum_sampling": True, "num_epochs": 1}  # the file has each update's rows, in their order
    config |= _gpu_options(training) if gpu else CPU_OPTIONS
    return {key: value for key, value in config.items() if value is not None}


def training_rows_path(request: TrainRequest, folder: Path) -> Path:
    """Return the file of rows that Axolotl reads: the dataset's own, unless the trainer adds rows or rewrites them."""
    training = request.training
    rewritten = training.sample_packing or training.method == "dpo" or training.keep > 0 or request.drafts == "base"
    return (folder if rewritten else request.dataset) / "train.jsonl"


def _dataset_entry(training: ResolvedTraining, path: Path) -> dict[str, Any]:
    """Make an entry for chat rows; assistant turns are trained, with their end, unless a turn sets `training` false.

    Preference rows are rendered by the trainer; without a type Axolotl takes them as they are.
    """
    if training.method == "dpo":
        return {"path": str(path), "ds_type": "json", "split": "train"}
    return {
        "path": str(path),
        "ds_type": "json",
        "type": "chat_template",
        "field_messages": "messages",
        "message_field_training": "training",
        "roles_to_train": ["assistant"],
        "train_on_eos": "turn",
    }


def _packing_options() -> dict[str, Any]:
    """Return what packs rows without losing one.

    Axolotl draws a new order each epoch, counts four of them, and leaves out what the smallest count has no place for;
    so rows keep the order in which the trainer wrote them. Batches of packed rows that are not full would be left out
    as well; so a micro-batch is one long packed row.
    """
    return {
        "curriculum_sampling": True,
        "multipack_real_batches": False,
        "sample_packing_bin_size": ROWS_IN_PACKED_ROW,
        "eval_sample_packing": False,
        "dataloader_drop_last": False,
    }


def _gpu_options(training: ResolvedTraining) -> dict[str, Any]:
    """Return where the model lies, and the kernels that compute it. Only one library may fuse the loss.

    A loss that is made of logits, as of preferences or with an anchor, is not fused. Activations are recomputed by FSDP
    itself if it shards the model.
    """
    cut = training.cut_cross_entropy and not training.needs_logits
    options: dict[str, Any] = {"plugins": [PLUGIN, *[LIGER_PLUGIN] * training.liger, *[CUT_CROSS_ENTROPY_PLUGIN] * cut]}
    if training.liger:
        fused = not training.needs_logits and not cut
        options |= {"liger_rope": True, "liger_rms_norm": True, "liger_fused_linear_cross_entropy": fused}
    if cut:
        options["cut_cross_entropy"] = True
    if not training.fsdp:
        return options | {"device_map": {"": 0}}
    sharding = {
        "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",  # by the layers that the model itself names
        "state_dict_type": "FULL_STATE_DICT",  # checkpoints are whole adapters
        "reshard_after_forward": True,
        "offload_params": False,
        "cpu_ram_efficient_loading": training.adapter == "lora",  # a 4-bit base cannot be dealt out from one process
        "activation_checkpointing": training.gradient_checkpointing,
    }
    return options | {"fsdp_version": 2, "fsdp_config": sharding, "gradient_checkpointing": False}


def make_command(environment: Path, config: Path, processes: int = 1) -> list[str | Path]:
    """Make the command line; one process needs no launcher, several are started by torchrun on a free port."""
    command: list[str | Path] = [environment / "bin" / "axolotl", "train", config, "--launcher"]
    if processes == 1:
        return [*command, "python"]
    return [*command, "torchrun", "--", "--standalone", f"--nproc_per_node={processes}"]


def make_environment(environment: Path) -> dict[str, str]:
    """Make the environment variables of a process in Axolotl's environment."""
    fixed = {**FIXED, "SCRIPTORIUM_TRAIN_MEMORY_SHARE": str(get_settings().train_memory_share)}
    return make_tool_environment(environment, get_settings().cache, DEFAULTS, fixed)
