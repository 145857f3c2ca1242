"""The trained tokenizer comes along, overrides nothing by accident, and makes the model stop."""

import json
from pathlib import Path
from typing import Any

import pytest

from scriptorium.errors import MergeFailed
from services.merger.inputs.adapter import Adapter
from services.merger.inputs.base import open_base
from services.merger.planning.plan import Plan
from services.merger.writing.companion_files import read_companions, token_ids
from tests.unit.services.merger.merger_models import END, TOKENS, write_base, write_json, write_tokenizer

EMPTY_ADAPTER = Adapter(Path(), {}, {})


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_base(tmp_path / "base")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    write_tokenizer(folder)
    return folder


def companions(base: Path, checkpoint: Path, temperature: float | None = None) -> dict[str, bytes]:
    model = open_base(base)
    return read_companions(Plan(model, EMPTY_ADAPTER, [], model.embeddings.shape[0], None), checkpoint, temperature)


def stops(base: Path, checkpoint: Path) -> Any:
    return json.loads(companions(base, checkpoint)["generation_config.json"])["eos_token_id"]


def test_the_trained_tokenizer_and_template_win(base: Path, checkpoint: Path) -> None:
    (checkpoint / "chat_template.jinja").write_text("trained")
    (base / "tokenizer.model").write_bytes(b"pieces")
    (checkpoint / "optimizer.pt").write_bytes(b"not for serving")
    files = companions(base, checkpoint)
    assert files["chat_template.jinja"] == b"trained"
    assert files["tokenizer_config.json"] == (checkpoint / "tokenizer_config.json").read_bytes()
    assert files["tokenizer.model"] == b"pieces"
    assert files["config.json"] == (base / "config.json").read_bytes()
    assert "optimizer.pt" not in files


def test_the_base_fills_in_what_the_checkpoint_lacks(base: Path, checkpoint: Path) -> None:
    for path in checkpoint.iterdir():
        path.unlink()
    write_json(base / "special_tokens_map.json", {})
    files = companions(base, checkpoint)
    assert files["tokenizer.json"] == (base / "tokenizer.json").read_bytes()
    assert {"chat_template.jinja", "special_tokens_map.json"} <= files.keys()


def test_old_files_of_the_base_do_not_override_the_trained_ones(base: Path, checkpoint: Path) -> None:
    write_json(base / "special_tokens_map.json", {"eos_token": "<|endoftext|>"})
    (checkpoint / "chat_template.jinja").unlink()
    write_json(checkpoint / "tokenizer_config.json", {"eos_token": END, "chat_template": "{{ trained }}"})
    files = companions(base, checkpoint)
    assert "special_tokens_map.json" not in files
    assert "chat_template.jinja" not in files


@pytest.mark.parametrize(
    ("eos_token_id", "expected"), [(2, [2, 3]), ([2], [2, 3]), ([3, 2], [3, 2]), (3, 3), (None, 3), ([], 3)]
)
def test_the_trained_end_token_stops_the_model(base: Path, checkpoint: Path, eos_token_id: Any, expected: Any) -> None:
    write_json(base / "generation_config.json", {"eos_token_id": eos_token_id, "temperature": 0.6})
    assert stops(base, checkpoint) == expected
    assert json.loads(companions(base, checkpoint)["generation_config.json"])["temperature"] == 0.6


def test_nothing_is_rewritten_if_the_end_token_is_known(base: Path, checkpoint: Path) -> None:
    (base / "generation_config.json").write_text('{"eos_token_id":   3}')
    assert companions(base, checkpoint)["generation_config.json"] == b'{"eos_token_id":   3}'


def test_without_a_generation_config_the_models_own_end_is_kept(base: Path, checkpoint: Path) -> None:
    (base / "generation_config.json").unlink()
    assert stops(base, checkpoint) == [2, 3]


def test_a_temperature_replaces_the_bases_and_nothing_else(base: Path, checkpoint: Path) -> None:
    write_json(base / "generation_config.json", {"eos_token_id": 3, "temperature": 0.6, "top_p": 0.9})
    body = json.loads(companions(base, checkpoint, 0.95)["generation_config.json"])
    assert body == {"eos_token_id": 3, "temperature": 0.95, "top_p": 0.9, "do_sample": True}


def test_a_new_generation_config_does_not_hide_the_models_own_end(base: Path, checkpoint: Path) -> None:
    (base / "generation_config.json").unlink()
    write_json(checkpoint / "tokenizer_config.json", {"eos_token": None})
    body = json.loads(companions(base, checkpoint, 0.95)["generation_config.json"])
    assert body == {"eos_token_id": 2, "temperature": 0.95, "do_sample": True}


@pytest.mark.parametrize("token", [{"content": END, "lstrip": False}, END])
def test_end_tokens_with_properties(base: Path, checkpoint: Path, token: Any) -> None:
    write_json(checkpoint / "tokenizer_config.json", {"eos_token": token})
    assert stops(base, checkpoint) == [2, 3]


@pytest.mark.parametrize("token", [None, "unknown"])
def test_end_tokens_without_an_id_change_nothing(base: Path, checkpoint: Path, token: Any) -> None:
    write_json(checkpoint / "tokenizer_config.json", {"eos_token": token})
    assert stops(base, checkpoint) == 2


def test_a_vocabulary_beyond_the_embeddings_names_every_token(base: Path, checkpoint: Path) -> None:
    write_tokenizer(checkpoint, tokens=TOKENS | {"last": 11, "new": 12, "newer": 13})
    with pytest.raises(MergeFailed, match="2 token") as caught:
        companions(base, checkpoint)
    assert [str(problem) for problem in caught.value.problems] == [
        "tokenizer.json: 'new' has the id 12; the embeddings have 12 rows",
        "tokenizer.json: 'newer' has the id 13; the embeddings have 12 rows",
    ]


def test_all_missing_files_are_named(base: Path, checkpoint: Path) -> None:
    for folder in (base, checkpoint):
        (folder / "tokenizer.json").unlink()
        (folder / "chat_template.jinja").unlink()
    with pytest.raises(MergeFailed) as caught:
        companions(base, checkpoint)
    assert {problem.place for problem in caught.value.problems} == {"tokenizer.json", "chat_template.jinja"}


@pytest.mark.parametrize("body", ["{", "[]", "{}", '{"model": {"vocab": 3}}', '{"model": null}'])
def test_unreadable_tokenizers(base: Path, checkpoint: Path, body: str) -> None:
    (checkpoint / "tokenizer.json").write_text(body)
    with pytest.raises(MergeFailed, match=r"tokenizer\.json"):
        companions(base, checkpoint)


def test_ids_of_a_unigram_vocabulary() -> None:
    added = [{"id": 7, "content": "<x>"}]
    body = {"model": {"vocab": [["<unk>", 0.0], ["▁a", -1.5]]}, "added_tokens": added}
    assert token_ids(body) == {"<unk>": 0, "▁a": 1, "<x>": 7}
