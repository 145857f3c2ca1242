"""Ollama's template of a model renders the very text of its chat template, or there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from scriptorium.models.tokenizer import ChatTokenizer
from services.merger.exporting.go_template import Turns, derive_turns, message
from tests.integration.llama_base import BEGIN_OF_TEXT, TEMPLATE
from tests.unit.services.merger.merger_models import write_json

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nBe "
    "kind.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + "
    "'\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CHATML_IN_GO = """{{ if not .System }}<|im_start|>system
Be kind.<|im_end|>
{{ end }}{{ range .Messages }}{{ if eq .Role "system" }}<|im_start|>system
{{ .Content }}<|im_end|>
{{ else if eq .Role "user" }}<|im_start|>user
{{ .Content }}<|im_end|>
{{ else if eq .Role "assistant" }}<|im_start|>assistant
{{ .Content }}<|im_end|>
{{ end }}{{ end }}<|im_start|>assistant
"""
PLAIN = (
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
CHAT = [message("system", "Be\nbrief."), message("user", "a"), message("assistant", "b."), message("user", "Why? {c}")]


def read_tokenizer(folder: Path, template: str) -> ChatTokenizer:
    """Write a model's tokenizer with a chat template, and read it."""
    added = [{"id": 2, "content": "<|im_end|>", "special": True, "normalized": False, "lstrip": False, "rstrip": False,
              "single_word": False}]  # fmt: skip
    model = {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}
    write_json(folder / "tokenizer.json", {"version": "1.0", "model": model, "added_tokens": added})
    settings = {"bos_token": BEGIN_OF_TEXT, "eos_token": "<|im_end|>", "chat_template": template}
    write_json(folder / "tokenizer_config.json", settings)
    return ChatTokenizer(folder)


def derive(folder: Path, template: str, added: str = "") -> tuple[Turns, ChatTokenizer]:
    """Return the turns of a template, which must have some."""
    tokenizer = read_tokenizer(folder, template)
    turns = derive_turns(tokenizer, added)
    assert turns
    return turns, tokenizer


def test_chatml_becomes_a_template_of_go(tmp_path: Path) -> None:
    turns, tokenizer = derive(tmp_path, CHATML)
    assert turns.go_template() == CHATML_IN_GO
    for chat in (CHAT, CHAT[1:]):
        assert turns.render(chat) == tokenizer.render(chat, add_generation_prompt=True)


def test_llama_3s_turns_leave_out_the_token_that_begins_every_text(tmp_path: Path) -> None:
    turns, tokenizer = derive(tmp_path, TEMPLATE, BEGIN_OF_TEXT)
    assert BEGIN_OF_TEXT not in turns.go_template()
    assert "{{ if not .System }}<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge" in turns.go_template()
    for chat in (CHAT, CHAT[1:]):
        assert BEGIN_OF_TEXT + turns.render(chat) == tokenizer.render(chat, add_generation_prompt=True)


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ messages }}", "the messages are not there"),
        ("{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}" + PLAIN, "a system is refused"),
        (PLAIN.replace("m.content", "m.content | upper"), "the messages are changed"),
        (PLAIN.replace("[assistant]", "{{ messages | length }}"), "what follows depends on the chat"),
        ("{{ '{{' }}" + PLAIN, "Go would read its text as an action"),
        ("<bos>" + PLAIN, "it begins with another token than the one that Ollama adds"),
    ],
)
def test_a_template_that_does_more_has_none(template: str, why: str, tmp_path: Path) -> None:
    added = BEGIN_OF_TEXT if template.startswith("<bos>") else ""
    assert derive_turns(read_tokenizer(tmp_path, template), added) is None, why
    assert derive_turns(read_tokenizer(tmp_path, PLAIN)), "the rest of it has one"
