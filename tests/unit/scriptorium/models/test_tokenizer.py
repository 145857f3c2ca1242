"""Rendering with the two most common families of templates, and one whose tokenizer names the wrong end token."""

import ctypes
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from scriptorium.contracts.base import Message
from scriptorium.errors import BaseModelUnusable
from scriptorium.models import tokenizer as tokenizer_module
from scriptorium.models.tokenizer import ChatTokenizer, batches, find_cuts, trim_memory
from tests.integration.llama_base import BEGIN_OF_TEXT, write_llama_base

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA3 = (
    "<|begin|>{% for message in messages %}<|header|>{{ message.role }}<|end_header|>\n\n"
    "{{ message.content }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|header|>assistant<|end_header|>\n\n{% endif %}"
)
TURNS: list[Message] = [{"role": "user", "content": "a lamp"}, {"role": "assistant", "content": "the lamp burned"}]


def write_tokenizer(folder: Path, template: str | None, special: list[str], end: str) -> Path:
    """Write a word-level tokenizer into a model folder."""
    words = {word: number for number, word in enumerate(["[UNK]", "a", "the", "lamp", "burned"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", eos_token=end)
    fast.add_special_tokens({"additional_special_tokens": special})
    fast.chat_template = template
    fast.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("template", "special", "eos_token", "end_of_turn"),
    [
        (CHATML, ["<|im_start|>", "<|im_end|>"], "<|im_start|>", "<|im_end|>"),
        (CHATML, ["<|im_start|>", "<|im_end|>"], "<|im_end|>", "<|im_end|>"),
        (LLAMA3, ["<|begin|>", "<|header|>", "<|end_header|>", "<|eot_id|>"], "<|end_of_text|>", "<|eot_id|>"),
    ],
)
def test_the_end_of_turn_is_the_templates_whatever_the_tokenizer_says(
    template: str, special: list[str], eos_token: str, end_of_turn: str, tmp_path: Path
) -> None:
    assert ChatTokenizer(write_tokenizer(tmp_path, template, special, eos_token)).end_of_turn == end_of_turn


def test_some_models_begin_every_text_with_a_token(tmp_path: Path) -> None:
    write_llama_base(tmp_path / "llama")
    llama = ChatTokenizer(tmp_path / "llama")
    assert llama.begin_of_text is not None
    assert llama.decode([llama.begin_of_text]) == BEGIN_OF_TEXT
    plain = write_tokenizer(tmp_path, CHATML, ["<|im_start|>", "<|im_end|>"], "<|im_end|>")
    assert ChatTokenizer(plain).begin_of_text is None


def test_asking_ends_where_the_assistant_begins(tmp_path: Path) -> None:
    tokenizer = ChatTokenizer(write_tokenizer(tmp_path, CHATML, ["<|im_start|>", "<|im_end|>"], "<|im_end|>"))
    prompt, chat = tokenizer.render(TURNS[:1], add_generation_prompt=True), tokenizer.render(TURNS)
    assert chat.startswith(prompt)
    assert chat.removeprefix(prompt) == "the lamp burned<|im_end|>\n"


def test_counting_leaves_special_tokens_out(tmp_path: Path) -> None:
    tokenizer = ChatTokenizer(write_tokenizer(tmp_path, CHATML, ["<|im_start|>", "<|im_end|>"], "<|im_end|>"))
    assert tokenizer.count(["the lamp burned", ""]) == [3, 0]
    assert tokenizer.count([]) == []


def test_a_base_model_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BaseModelUnusable, match="no chat template") as caught:
        ChatTokenizer(write_tokenizer(tmp_path, None, [], "[UNK]"))
    assert "instruct" in (caught.value.next_step or "")


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BaseModelUnusable, match="no readable tokenizer"):
        ChatTokenizer(tmp_path)


def test_tokens_are_located_in_texts_of_any_number_and_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = ChatTokenizer(write_tokenizer(tmp_path, CHATML, ["<|im_start|>", "<|im_end|>"], "<|im_end|>"))
    monkeypatch.setattr(tokenizer_module, "BATCH_CHARACTERS", 10)
    texts = ["the lamp burned", "", " a  lamp ", "a", "b"]
    located = list(tokenizer.locate_tokens(iter(texts)))
    assert [text for text, _ in located] == texts
    assert [[text[start:end] for start, end in offsets] for text, offsets in located] == [
        text.split() for text in texts
    ]
    assert list(tokenizer.locate_tokens([])) == []


def test_a_long_text_is_encoded_in_stretches_and_its_places_are_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = ChatTokenizer(write_tokenizer(tmp_path, CHATML, ["<|im_start|>", "<|im_end|>"], "<|im_end|>"))
    text = "\n\n".join(["the lamp burned"] * 9 + ["a" * 40] + ["the lamp"] * 3)
    ((_, expected),) = tokenizer.locate_tokens([text])
    monkeypatch.setattr(tokenizer_module, "STRETCH_CHARACTERS", 30)
    assert find_cuts("a" * 30) == [0, 30]
    assert len(find_cuts(text)) > 5
    ((_, offsets),) = tokenizer.locate_tokens([text])
    assert offsets.tolist() == expected.tolist()
    assert [text[start:end] for start, end in offsets] == text.split()


def test_batches_are_filled_in_order_and_lazily(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer_module, "BATCH_CHARACTERS", 10)
    assert list(batches(["12345", "67890", "a", "b" * 20, "c"])) == [["12345", "67890"], ["a", "b" * 20], ["c"]]
    endless = batches("x" for _ in iter(int, 1))
    assert next(endless) == ["x"] * 10


def test_what_is_encoded_with_offsets_decodes_to_itself(tmp_path: Path) -> None:
    tokenizer = ChatTokenizer(write_tokenizer(tmp_path, CHATML, ["<|im_start|>", "<|im_end|>"], "<|im_end|>"))
    rendered = "<|im_start|>the lamp<|im_end|>"
    ids, offsets = tokenizer.encode_with_offsets(rendered)
    assert ids == tokenizer.encode(rendered)
    assert [rendered[start:end] for start, end in offsets] == ["<|im_start|>", "the", "lamp", "<|im_end|>"]
    assert tokenizer.decode(ids).replace(" ", "") == rendered.replace(" ", "")


def test_where_there_is_no_glibc_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    monkeypatch.setattr(ctypes, "CDLL", lambda name: names.append(name) or object())
    trim_memory()
    assert names == [None]


def test_memory_goes_back() -> None:
    trim_memory()
