"""The tokens that we show as trained are those that Axolotl trains, with the configuration that the trainer writes."""

import json
from pathlib import Path

import pytest
from in_axolotl import AXOLOTL_MARKS, run_in_axolotl

from scriptorium.artifacts.dataset import CONTINUE_INSTRUCTION, Row, write_rows
from scriptorium.contracts import TrainRequest
from scriptorium.local.demo_assets import BASE, demo_assets
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.recipe import ResolvedTraining
from services.data.prompts.rendered_examples import tokenise
from services.trainer.run.axolotl import TrainingRows, make_config

pytestmark = [*AXOLOTL_MARKS, pytest.mark.slow]

PASSAGES = [
    "The old man went down to the river.",
    "“Alone,” he said — and laughed.\n\nNobody saw him. Ça va? 新しい朝が来た。\n\n* * *\n\nThen night came",
    "Numbers: 1,234.56\n    indented  twice   over\n\n\n\nand a gap.",
    "assistant\nuser\nassistant",
    "word " * 600 + "end.",
]
CONVERSATION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "Uno.", "training": False},
    {"role": "user", "content": "Two?"},
    {"role": "assistant", "content": "Dos."},
]


def rows() -> list[Row]:
    prompts = {
        "brief": "Write a passage of about 10 words.",
        "context": f"{CONTINUE_INSTRUCTION}\n\n{PASSAGES[0]}",
        "continue": CONTINUE_INSTRUCTION,
    }
    return [
        Row.model_validate(
            {
                "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": passage}],
                "chapter": "I",
                "kind": kind,
            }
        )
        for passage in PASSAGES
        for kind, prompt in prompts.items()
    ] + [Row.model_validate({"messages": CONVERSATION, "chapter": "I"})]


def test_the_tokens_shown_as_trained_are_those_that_axolotl_trains(tmp_path: Path) -> None:
    base = demo_assets().models / BASE
    write_rows(tmp_path / "train.jsonl", rows())
    training = ResolvedTraining(adapter="lora")
    request = TrainRequest(dataset=tmp_path, base=base, training=training)
    (tmp_path / "config.json").write_text(
        json.dumps(make_config(request, training, tmp_path, TrainingRows(rows(), [9] * len(rows()), []), gpu=False))
    )
    run_in_axolotl("axolotl_masks.py", tmp_path)
    masks = json.loads((tmp_path / "masks.json").read_text())
    tokenizer = ChatTokenizer(base)
    for row, mask in zip(rows(), masks, strict=True):
        ids, trained = tokenise(row, tokenizer)
        assert mask["ids"] == ids
        assert mask["trained"] == trained, row.passage[:40]
