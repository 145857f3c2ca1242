import json
import math
from math import prod
from pathlib import Path

import pytest
from safetensors.numpy import load_file
from transformers import AutoTokenizer

from scriptorium.artifacts.dataset import read_rows
from scriptorium.gpu_check.random_model import split_into_shards, write_model
from scriptorium.gpu_check.rows import passage_lengths, write_dataset
from scriptorium.gpu_check.shape import SHAPES
from scriptorium.models.tokenizer import chat_tokenizer
from scriptorium.planning.model_shape import read_shape
from scriptorium.recipe import find_recipe
from scriptorium.settings import PROJECT

CHAT = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Zoë — “nobody”."}]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "random-tiny"
    write_model(folder, SHAPES["tiny"])
    return folder


def test_the_large_shape_is_llamas() -> None:
    tensors = SHAPES["8b"].tensors
    assert sum(prod(shape) for shape in tensors.values()) == 8_030_261_248  # as the hub's index of Llama 3.1 8B says
    assert tensors["model.layers.31.mlp.down_proj.weight"] == (4096, 14336)


def test_shards_hold_every_tensor_once_and_are_bounded() -> None:
    tensors = SHAPES["8b"].tensors
    shards = list(split_into_shards(tensors, limit=1_200_000_000))
    assert [name for shard in shards for name in shard] == list(tensors)
    assert all(2 * sum(prod(shape) for shape in shard.values()) <= 1_200_000_000 for shard in shards)


def test_the_files_hold_what_the_index_says(model: Path) -> None:
    index = json.loads((model / "model.safetensors.index.json").read_text())
    stored = {
        name: value for file in set(index["weight_map"].values()) for name, value in load_file(model / file).items()
    }
    assert {name: value.shape for name, value in stored.items()} == SHAPES["tiny"].tensors
    assert set(index["weight_map"]) == set(stored)
    weight = stored["model.layers.0.mlp.up_proj.weight"].astype(float)
    assert math.isclose(weight.std(), 0.02, rel_tol=0.05)
    assert (stored["model.norm.weight"] == 1).all()


def test_the_planner_reads_the_shape_that_was_written(model: Path) -> None:
    shape = read_shape(model)
    assert shape.parameters == sum(prod(tensor) for tensor in SHAPES["tiny"].tensors.values())


def test_the_tokenizer_has_a_token_for_each_byte_and_transformers_agrees(model: Path) -> None:
    ours, theirs = chat_tokenizer(model), AutoTokenizer.from_pretrained(model)
    text = ours.render(CHAT)
    ids = ours.encode(text)
    assert ids == theirs(text, add_special_tokens=False)["input_ids"]
    assert text == theirs.apply_chat_template(CHAT, tokenize=False)
    assert ours.count(["Zoë"]) == [4]
    assert ours.end_of_turn == theirs.eos_token == "<|im_end|>"
    assert len(theirs) == SHAPES["tiny"].vocabulary  # every id that the model may write has a text


@pytest.mark.parametrize("recipe", ["qlora", "lora"])
def test_rows_are_as_long_as_the_recipe_wants_and_fit(model: Path, tmp_path: Path, recipe: str) -> None:
    loaded = find_recipe(recipe, PROJECT / "recipes")
    write_dataset(tmp_path, loaded.data, words=6000)
    rows = read_rows(tmp_path / "train.jsonl")
    tokenizer = chat_tokenizer(model)
    lengths = tokenizer.count([row.passage for row in rows])
    assert all(
        abs(length - wanted) <= 1 for length, wanted in zip(lengths, passage_lengths(loaded.data, 6000), strict=True)
    )
    assert max(tokenizer.count([tokenizer.render(row.messages) for row in rows])) <= loaded.training.sequence_len


def test_a_book_keeps_what_is_held_out_back() -> None:
    data = find_recipe("lora", PROJECT / "recipes").data
    tokens = sum(passage_lengths(data, 63_000))
    assert math.isclose(tokens, 63_000 * 1.33 * 0.7, rel_tol=0.02)
