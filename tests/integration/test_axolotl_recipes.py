"""Every shipped recipe, and a spread of overrides, is accepted by Axolotl's own validator as on an RTX 5090; and packed
rows stay apart, with a Llama-3.1 template."""

import json
from pathlib import Path
from typing import Any

import pytest
from in_axolotl import AXOLOTL_MARKS, run_in_axolotl
from llama_base import ASSISTANT_HEADER, BEGIN_OF_TEXT, END_OF_TURN, write_llama_base

from scriptorium.artifacts.dataset import Row
from scriptorium.contracts import TrainRequest
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.planning.packing import count_rows
from scriptorium.planning.resolve import count_updates, resolve_training
from scriptorium.recipe import ResolvedTraining, load_recipe
from scriptorium.recipe_overrides import apply_overrides
from services.trainer.run.axolotl import TrainingRows, make_config
from services.trainer.run.rows import draw_order, measure_lengths, write_training_rows

pytestmark = [*AXOLOTL_MARKS, pytest.mark.slow]

OVERRIDES: dict[str, tuple[str, dict[str, Any]]] = {
    "lora with cut cross entropy": ("lora", {"cut_cross_entropy": True}),
    "lora with an anchor": ("lora", {"kl_weight": 0.1}),
    "lora without packing": ("lora", {"sample_packing": False, "liger": False}),
    "lora with an early stop": ("lora", {"early_stopping_patience": 2, "checkpoints": 8}),
    "lora in batches": ("lora", {"micro_batch_size": 2, "gradient_accumulation_steps": 2, "num_epochs": 5}),
    "lora by entropy": ("lora", {"use_eaft": True}),
    "qlora packed": ("qlora", {"sample_packing": True, "liger": True, "optimizer": "adamw_8bit"}),
    "qlora with few steps": ("qlora", {"max_steps": 10, "lr_scheduler": "constant", "warmup_ratio": 0}),
    "qlora-16gb with a longer row": ("qlora-16gb", {"sequence_len": 4096, "lora_dropout": 0}),
    "qlora with a recovery": ("qlora", {"recovery": 0.5, "lr_scheduler": "constant"}),
    "qlora on several cards": ("lora-fsdp", {"adapter": "qlora"}),
    "preferences": ("lora", {"method": "dpo", "beta": 0.2, "sample_packing": False}),
    "preferences with qlora": ("qlora", {"method": "dpo"}),
}
SENTENCE = "The old man went down to the river and did not come back. "


def rows() -> list[Row]:
    """Rows of quite different lengths."""
    return [
        Row(
            messages=[{"role": "user", "content": f"Write {n}."}, {"role": "assistant", "content": SENTENCE * n}],
            chapter="I",
        )
        for n in (1, 9, 3, 13, 2, 6, 11, 4, 7, 1, 5, 12, 8, 10, 3)
    ]


def gpu_case(project: Path, folder: Path, recipe_name: str, overrides: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a recipe as the trainer writes it on a GPU."""
    recipe = apply_overrides(load_recipe(project / "recipes" / f"{recipe_name}.yaml"), {"training": overrides})
    training = resolve_training(recipe.training, len(rows()))
    request = TrainRequest(dataset=folder, base=folder / "base", training=training)
    config = make_config(
        request, training, folder / "run", TrainingRows(rows(), [9] * len(rows()), rows()[:2]), gpu=True
    )
    return {"config": config, "gpus": 2 if training.fsdp else 1}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory, project: Path) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("recipes")
    base, run = folder / "base", folder / "run"
    write_llama_base(base)
    run.mkdir()
    shipped = {path.stem: (path.stem, {}) for path in (project / "recipes").glob("*.yaml")}
    configs = {name: gpu_case(project, folder, *case) for name, case in {**shipped, **OVERRIDES}.items()}
    refused = {**configs["lora"]["config"], "rl": "dpo"}
    misspelt = {**configs["lora"]["config"], "sample_packing_bin_sise": 7}
    training = ResolvedTraining(
        adapter="lora", sample_packing=True, sequence_len=512, gradient_accumulation_steps=2, precision="fp32",
        gradient_checkpointing=False, lora_dropout=0,
    )  # fmt: skip
    request = TrainRequest(dataset=folder, base=base, training=training)
    train, lengths = draw_order(rows(), measure_lengths(request, rows()), request.seed)
    write_training_rows(request, run, train, [])
    count = count_rows(training, lengths)
    packed = make_config(request, training, run, TrainingRows(train, lengths, []), gpu=False)
    configs |= {"refused": {"config": refused, "gpus": 1}, "misspelt": {"config": misspelt, "gpus": 1}}
    (folder / "cases.json").write_text(json.dumps({"base": str(base), "configs": configs, "packed": packed}))
    run_in_axolotl("axolotl_recipes.py", folder)
    results = json.loads((folder / "results.json").read_text())
    return {
        **results,
        "sent": configs,
        "rows": train,
        "count": count,
        "updates": count_updates(training, count),
        "base": base,
    }


def test_axolotl_accepts_every_recipe_and_override_on_a_blackwell_card(cases: dict[str, Any]) -> None:
    results = dict(cases["configs"])
    assert "sample_packing" in results.pop("refused")["error"]  # so an error would be seen
    assert {name: result["error"] for name, result in results.items() if "error" in result} == {}


def test_axolotl_keeps_every_key_that_we_write(cases: dict[str, Any]) -> None:
    lost = {
        name: {key for key in case["config"] if key not in cases["configs"][name]["config"]}
        for name, case in cases["sent"].items()
        if name != "refused"
    }
    assert {name: keys for name, keys in lost.items() if keys} == {"misspelt": {"sample_packing_bin_sise"}}


def test_the_kernels_are_on_and_the_model_lies_on_one_card(cases: dict[str, Any]) -> None:
    lora = cases["configs"]["lora"]["config"]
    assert lora["lora_mlp_kernel"] is lora["lora_qkv_kernel"] is lora["lora_o_kernel"] is True
    assert lora["liger_fused_linear_cross_entropy"] is lora["liger_rms_norm"] is lora["liger_rope"] is True
    assert "cut_cross_entropy" not in lora
    cut = cases["configs"]["lora with cut cross entropy"]["config"]
    assert (cut["cut_cross_entropy"], cut["liger_fused_linear_cross_entropy"]) == (True, False)
    assert (
        "device_map" not in cases["configs"]["lora-fsdp"]["config"]
        or cases["configs"]["lora-fsdp"]["config"]["device_map"] is None
    )


def test_a_llama_row_has_one_beginning_and_one_trained_end(cases: dict[str, Any]) -> None:
    tokenizer = ChatTokenizer(cases["base"])
    (begin,), (end,) = tokenizer.encode(BEGIN_OF_TEXT), tokenizer.encode(END_OF_TURN)
    header = tokenizer.encode(ASSISTANT_HEADER)
    for row, seen in zip(cases["rows"], cases["packed"]["rows"], strict=True):
        ids, trained = seen["ids"], seen["trained"]
        assert ids == tokenizer.encode(tokenizer.render(row.messages))
        assert (ids[0], ids.count(begin)) == (begin, 1)
        start = next(n for n in range(len(ids)) if ids[n : n + len(header)] == header) + len(header)
        assert trained == [False] * start + [True] * (len(ids) - start)
        assert ids[start:].count(end) == 1 and ids[-1] == end


def test_packed_rows_are_all_trained_in_each_epoch_and_counted_before(cases: dict[str, Any]) -> None:
    packed = cases["packed"]
    whole = sorted(token for row in packed["rows"] for token in row["ids"])
    for epoch in packed["epochs"]:
        assert len(epoch) == cases["count"] < len(packed["rows"])
        assert max(map(len, epoch)) <= 512
        assert sorted(token for row in epoch for token in row) == whole
    assert packed["max_steps"] == cases["updates"]
    assert packed["warmup_steps"] == 2


def test_no_packed_row_sees_another(cases: dict[str, Any]) -> None:
    packed = cases["packed"]
    assert "attention_mask" not in packed["keys"]
    lengths = [len(row["ids"]) for row in packed["rows"]]
    runs = []
    for positions in packed["positions"]:
        starts = [n for n, position in enumerate(positions) if position == 0]
        runs += [end - start for start, end in zip(starts, [*starts[1:], len(positions)], strict=True)]
        assert all(
            positions[start:end] == list(range(end - start))
            for start, end in zip(starts, [*starts[1:], len(positions)], strict=True)
        )
    assert sorted(runs) == sorted(lengths)
    assert packed["packed_loss"] == pytest.approx(packed["apart_loss"], rel=1e-4)


def test_processes_that_share_a_training_agree_before_they_stop(cases: dict[str, Any]) -> None:
    assert cases["agreed"] == [True, False]


def test_a_training_by_preferences_leaves_no_second_base(cases: dict[str, Any]) -> None:
    assert cases["saved"] == ["adapter_model.safetensors", "config.json"]
