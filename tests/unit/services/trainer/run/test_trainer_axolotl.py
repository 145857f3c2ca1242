"""Axolotl's configuration and command line; a test inside Axolotl has its own validator read the shipped recipes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scriptorium.artifacts.dataset import Row
from scriptorium.contracts import TrainRequest
from scriptorium.recipe import ResolvedTraining
from services.trainer.run import axolotl


@pytest.fixture(autouse=True)
def base(monkeypatch: pytest.MonkeyPatch) -> None:
    """A base whose turns end with a known token."""
    monkeypatch.setattr(axolotl, "chat_tokenizer", lambda folder: SimpleNamespace(end_of_turn="<|eot_id|>"))


def config(
    rows: int = 41,
    *,
    gpu: bool = True,
    processes: int = 1,
    lengths: list[int] | None = None,
    **options: Any,
) -> dict[str, Any]:
    training = ResolvedTraining(**options)
    request = TrainRequest(dataset=Path("/data"), base=Path("/base"), training=training)
    row = Row(messages=[{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}], chapter="I")
    training_rows = axolotl.TrainingRows([row] * rows, lengths or [9] * rows, [row])
    return axolotl.make_config(request, training, Path("/run"), training_rows, gpu=gpu, processes=processes)


def test_every_epoch_ends_with_its_own_update_and_the_rate_rises_first() -> None:
    seed = config(gradient_accumulation_steps=8, num_epochs=3)
    assert (seed["max_steps"], seed["warmup_steps"], seed["save_steps"]) == (18, 2, 5)
    assert "warmup_ratio" not in seed  # Axolotl takes one of the two, and rounds the ratio down
    assert config(warmup_ratio=0)["warmup_steps"] == 0
    assert config(rows=1000, gradient_accumulation_steps=1)["warmup_steps"] == 90
    cpu = config(rows=144, gpu=False, max_steps=45, gradient_accumulation_steps=1, num_epochs=1)
    assert (cpu["max_steps"], cpu["warmup_steps"]) == (45, 2)


def test_updates_are_counted_on_packed_rows() -> None:
    options = config(rows=12, lengths=[600] * 12, sample_packing=True, sequence_len=2048, gradient_accumulation_steps=1)
    assert options["max_steps"] == 12  # 4 packed rows, 3 epochs
    assert options["save_steps"] == options["eval_steps"] == 3
    twice = config(rows=12, lengths=[600] * 12, sample_packing=True, sequence_len=2048, micro_batch_size=2,
                   gradient_accumulation_steps=1)  # fmt: skip
    assert twice["max_steps"] == 6


def test_packing_reads_the_trainers_order_and_leaves_no_row_out() -> None:
    packed, plain = config(lengths=[9] * 41, sample_packing=True), config(keep=0)
    assert packed["datasets"][0]["path"] == "/run/train.jsonl"
    assert plain["datasets"][0]["path"] == "/data/train.jsonl"
    assert packed["attn_implementation"] == "sdpa"
    assert packed["curriculum_sampling"] is True
    assert packed["multipack_real_batches"] is packed["eval_sample_packing"] is packed["dataloader_drop_last"] is False
    assert not {"curriculum_sampling", "multipack_real_batches"} & set(plain)


def test_the_model_lies_on_one_card_and_is_never_spread_by_accident() -> None:
    assert config()["device_map"] == {"": 0}
    assert "device_map" not in config(gpu=False)


def test_only_one_library_fuses_the_loss() -> None:
    liger = config(liger=True)
    assert liger["plugins"] == [axolotl.PLUGIN, axolotl.LIGER_PLUGIN]
    assert liger["liger_fused_linear_cross_entropy"] is liger["liger_rope"] is liger["liger_rms_norm"] is True
    both = config(liger=True, cut_cross_entropy=True)
    assert both["plugins"] == [axolotl.PLUGIN, axolotl.LIGER_PLUGIN, axolotl.CUT_CROSS_ENTROPY_PLUGIN]
    assert (both["cut_cross_entropy"], both["liger_fused_linear_cross_entropy"]) == (True, False)
    assert config()["plugins"] == [axolotl.PLUGIN]


def test_an_anchor_is_a_key_of_our_plugin_and_its_loss_is_not_fused() -> None:
    anchored = config(kl_weight=0.1, liger=True)
    assert anchored["kl_weight"] == 0.1
    assert (anchored["liger_rms_norm"], anchored["liger_fused_linear_cross_entropy"]) == (True, False)
    assert "kl_weight" not in config()


def test_a_cpu_has_none_of_the_kernels() -> None:
    options = config(gpu=False, liger=True, cut_cross_entropy=True)
    assert options["plugins"] == [axolotl.PLUGIN]
    assert not [key for key in options if key.startswith(("liger", "cut", "fsdp"))]


def test_tokens_weighed_by_entropy_are_axolotls_own_key_and_need_whole_logits() -> None:
    weighed = config(use_eaft=True, liger=True)
    assert weighed["use_eaft"] is True
    assert (weighed["liger_rms_norm"], weighed["liger_fused_linear_cross_entropy"]) == (True, False)
    assert "use_eaft" not in config()


def test_several_cards_share_the_rows_and_the_base() -> None:
    options = config(fsdp=True, processes=2, gradient_accumulation_steps=1)
    assert options["max_steps"] == 63  # 21 rows on each card
    assert (options["fsdp_version"], options["fsdp_config"]["state_dict_type"]) == (2, "FULL_STATE_DICT")
    assert options["fsdp_config"]["activation_checkpointing"] is True
    assert options["gradient_checkpointing"] is False
    assert "device_map" not in options
    assert config(fsdp=True, adapter="qlora", processes=2)["fsdp_config"]["cpu_ram_efficient_loading"] is False


def test_preferences_are_read_as_the_trainer_rendered_them() -> None:
    options = config(method="dpo", beta=0.3, liger=True, cut_cross_entropy=True)
    assert (options["rl"], options["rl_beta"]) == ("dpo", 0.3)
    assert options["datasets"] == [{"path": "/run/train.jsonl", "ds_type": "json", "split": "train"}]
    assert options["liger_fused_linear_cross_entropy"] is False  # the loss is made of logits
    assert "cut_cross_entropy" not in options


def test_few_rows_start_no_processes() -> None:
    assert config()["dataset_num_proc"] == 0
    assert "dataset_num_proc" not in config(rows=axolotl.FEW_ROWS + 1)


def test_patience_is_passed_on() -> None:
    assert config(early_stopping_patience=3)["early_stopping_patience"] == 3
    assert "early_stopping_patience" not in config()


def test_several_processes_are_started_by_torchrun() -> None:
    alone = [str(part) for part in axolotl.make_command(Path("/env"), Path("/run/config.yaml"))]
    assert alone == ["/env/bin/axolotl", "train", "/run/config.yaml", "--launcher", "python"]
    several = [str(part) for part in axolotl.make_command(Path("/env"), Path("/run/config.yaml"), 4)]
    assert several == [*alone[:-1], "torchrun", "--", "--standalone", "--nproc_per_node=4"]
