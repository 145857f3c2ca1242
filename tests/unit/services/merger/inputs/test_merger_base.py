"""Bases of one and of several shards, and incomplete ones."""

import json
from pathlib import Path

import pytest
from safetensors.numpy import save_file

from scriptorium.errors import BaseModelUnusable
from services.merger.inputs.base import open_base
from tests.unit.services.merger.merger_models import base_arrays, write_base, write_json


@pytest.mark.parametrize("shards", [1, 2, 3])
def test_every_tensor_is_found(tmp_path: Path, shards: int) -> None:
    base = open_base(write_base(tmp_path / "base", shards=shards))
    assert base.tensors.keys() == base_arrays().keys()
    assert len(base.shards) == shards
    assert base.single == (shards == 1)
    assert base.embeddings.shape == (12, 8)


def test_an_index_with_one_shard_is_not_a_single_file(tmp_path: Path) -> None:
    folder = write_base(tmp_path / "base")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    weight_map = dict.fromkeys(base_arrays(), "model-00001-of-00001.safetensors")
    write_json(folder / "model.safetensors.index.json", {"weight_map": weight_map})
    assert not open_base(folder).single


def test_all_missing_and_truncated_shards_are_named(tmp_path: Path) -> None:
    folder = write_base(tmp_path / "base", shards=3)
    (folder / "model-00001-of-00003.safetensors").unlink()
    last = folder / "model-00003-of-00003.safetensors"
    last.write_bytes(last.read_bytes()[:-7])
    with pytest.raises(BaseModelUnusable) as caught:
        open_base(folder)
    assert [problem.place for problem in caught.value.problems] == [
        "model-00001-of-00003.safetensors",
        "model-00003-of-00003.safetensors",
    ]
    assert str(tmp_path) not in str(caught.value)


def test_an_index_that_disagrees_with_its_shards(tmp_path: Path) -> None:
    folder = write_base(tmp_path / "base", shards=2)
    index = folder / "model.safetensors.index.json"
    body = json.loads(index.read_text())
    del body["weight_map"]["lm_head.weight"]
    body["weight_map"]["model.ghost.weight"] = "model-00001-of-00002.safetensors"
    write_json(index, body)
    with pytest.raises(BaseModelUnusable) as caught:
        open_base(folder)
    assert {problem.place for problem in caught.value.problems} == {"lm_head.weight", "model.ghost.weight"}


def test_a_tensor_in_two_shards(tmp_path: Path) -> None:
    folder = write_base(tmp_path / "base", shards=2)
    arrays = base_arrays()
    save_file(arrays, folder / "model-00002-of-00002.safetensors")
    write_json(
        folder / "model.safetensors.index.json",
        {"weight_map": dict.fromkeys(arrays, "model-00002-of-00002.safetensors")
         | {"lm_head.weight": "model-00001-of-00002.safetensors"}},
    )  # fmt: skip
    with pytest.raises(BaseModelUnusable, match="is in 2 shards"):
        open_base(folder)


def test_an_index_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    folder = write_base(tmp_path / "base", shards=2)
    write_json(folder / "model.safetensors.index.json", {"weight_map": {"a": "../secret.safetensors"}})
    with pytest.raises(BaseModelUnusable, match="is not a file name"):
        open_base(folder)


def test_bases_without_weights_or_config(tmp_path: Path) -> None:
    folder = write_base(tmp_path / "base")
    (folder / "model.safetensors").unlink()
    with pytest.raises(BaseModelUnusable, match=r"model\.safetensors is missing"):
        open_base(folder)
    (folder / "config.json").write_text("[]")
    with pytest.raises(BaseModelUnusable, match="not a JSON object"):
        open_base(folder)
    (folder / "config.json").unlink()
    with pytest.raises(BaseModelUnusable, match=r"no readable config\.json"):
        open_base(folder)


def test_a_base_without_known_embeddings(tmp_path: Path) -> None:
    arrays = base_arrays()
    del arrays["model.embed_tokens.weight"]
    with pytest.raises(BaseModelUnusable, match="no embeddings"):
        _ = open_base(write_base(tmp_path / "base", arrays)).embeddings
