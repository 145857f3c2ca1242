"""Axolotl trains the rows of a training with a recovery in the order of the file, each once."""

import json
from pathlib import Path

import pytest
from in_axolotl import AXOLOTL_MARKS, run_in_axolotl
from llama_base import write_llama_base

from scriptorium.artifacts.dataset import Row, read_rows
from scriptorium.contracts import TrainRequest
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.recipe import ResolvedTraining
from services.trainer.run.axolotl import TrainingRows, make_config
from services.trainer.run.late_replay import write_in_order

pytestmark = [*AXOLOTL_MARKS, pytest.mark.slow]

TRAINING = ResolvedTraining(
    adapter="lora", lora_r=4, sequence_len=512, precision="fp32", recovery=0.5, gradient_checkpointing=False,
    micro_batch_size=2, gradient_accumulation_steps=3, max_steps=5,
)  # fmt: skip


def test_rows_are_trained_in_the_order_of_the_file(tmp_path: Path) -> None:
    write_llama_base(tmp_path / "base")
    messages = [
        [{"role": "user", "content": "Write."}, {"role": "assistant", "content": f"The old man was {number}."}]
        for number in range(12)
    ]
    rows = TrainingRows([Row.model_validate({"messages": chat, "chapter": ""}) for chat in messages], [9] * 12, [], 4)
    request, run = TrainRequest(dataset=tmp_path, base=tmp_path / "base", training=TRAINING), tmp_path / "run"
    run.mkdir()
    write_in_order(request, TRAINING, run, rows)
    config = make_config(request, TRAINING, run, rows, gpu=False)
    (tmp_path / "case.json").write_text(json.dumps({"base": str(tmp_path / "base"), "config": config}))
    run_in_axolotl("order_in_axolotl.py", tmp_path)
    trained = json.loads((tmp_path / "order.json").read_text())
    tokenizer = ChatTokenizer(tmp_path / "base")
    written = [tokenizer.encode(tokenizer.render(row.messages)) for row in read_rows(run / "train.jsonl")]
    assert len(written) == 30
    assert (trained["rows"], trained["steps"]) == (written, 5)
