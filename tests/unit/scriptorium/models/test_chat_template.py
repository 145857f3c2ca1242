"""Templates and tokenizers match transformers on the same folder, for the layouts that model folders have."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from scriptorium.errors import BaseModelUnusable
from scriptorium.models import chat_template
from scriptorium.models.chat_template import ChatTemplate
from scriptorium.models.tokenizer import ChatTokenizer
from tests.template_reference import USER, compare

CHATML = (
    "{%- for message in messages %}\n  {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim }}\n"
    "  {{- '<|im_end|>\\n' }}\n{%- endfor %}\n"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA = (  # features of Llama 3's: a special token by name, tests for absent variables, a date, a namespace
    "{{- bos_token }}{%- if not date_string is defined %}{%- set date_string = '26 Jul 2024' %}{%- endif %}"
    "{%- set ns = namespace(first=true) %}{%- if tools is not none %}{{ raise_exception('tools') }}{%- endif %}"
    "{%- for message in messages %}{%- if ns.first %}{{- date_string }}{%- set ns.first = false %}{%- endif %}"
    "{{- '<|im_start|>' + message.role + '\\n\\n' + message.content | tojson + '<|im_end|>' }}"
    "{%- if loop.index > 9 %}{%- break %}{%- endif %}{%- endfor %}"
)
MARKED = (
    "{% for message in messages %}{% generation %}{{ message.content }}{{ eos_token }}{% endgeneration %}{% endfor %}"
)
OBJECT = {"content": "<|im_end|>", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
PLAIN = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin|>", "eos_token": "<|im_end|>"}
FolderFiles = dict[str, Any]
SHAPES: dict[str, FolderFiles] = {
    "a string": {"tokenizer_config.json": {**PLAIN, "chat_template": CHATML}},
    "a list": {
        "tokenizer_config.json": {
            **PLAIN,
            "chat_template": [{"name": "rag", "template": "no"}, {"name": "default", "template": LLAMA}],
        }
    },
    "a file": {"tokenizer_config.json": {**PLAIN, "chat_template": "no"}, "chat_template.jinja": CHATML},
    "tokens as objects": {
        "tokenizer_config.json": {**PLAIN, "eos_token": {**OBJECT, "__type": "AddedToken"}, "chat_template": MARKED}
    },
    "a file of tokens": {
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": LLAMA},
        "special_tokens_map.json": {"bos_token": "<|begin|>", "eos_token": OBJECT, "pad_token": None},
    },
    "a token that the tokenizer lacks": {
        "tokenizer_config.json": {**PLAIN, "eos_token": "<|stop|>", "chat_template": MARKED}
    },
}


def write_folder(folder: Path, files: FolderFiles) -> Path:
    """Write a byte-level BPE tokenizer and the files beside it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|begin|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["It burned. It burned. a lamp"], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("shape", SHAPES)
def test_a_model_folder_is_read_as_transformers_reads_it(shape: str, tmp_path: Path) -> None:
    compare(write_folder(tmp_path, SHAPES[shape]))


def test_a_tokenizer_neither_cuts_nor_pads(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, SHAPES["a string"])
    saved = Tokenizer.from_file(str(folder / "tokenizer.json"))
    saved.enable_truncation(5)
    saved.enable_padding(length=50)
    saved.save(str(folder / "tokenizer.json"))
    assert ChatTokenizer(folder).count(["lamp " * 100, "a"])[0] > 100
    assert ChatTokenizer(folder).count(["a", "lamp " * 9])[0] == 1


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ raise_exception('no system message') }}", "no system message"),
        ("{% for %}", "Expected"),
        ("{{ messages.__class__.__mro__ }}{{ messages.append(1) }}", "unsafe"),
        ("{{ messages[0].content + 1 }}", "str"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{% macro more() %}{{ more() }}{% endmacro %}{{ more() }}", "recursion"),
    ],
)
def test_a_template_that_fails_is_an_error_of_the_base_model(template: str, message: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {"tokenizer_config.json": {**PLAIN, "chat_template": template}})
    with pytest.raises(BaseModelUnusable, match=f"template of .* fails: .*{message}"):
        ChatTokenizer(folder).render([USER])


ENDLESS = {
    "loops in loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "a condition": "{% for a in range(99999) if (range(9999) | list | length) == 0 %}{% endfor %}",
    "macros": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "another clock": "{% set check_deadline = 1 %}{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}"
    "{% endfor %}",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_template_that_does_not_end_is_ended(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_template, "MAX_SECONDS", 0.3)
    folder = write_folder(tmp_path, {"tokenizer_config.json": {**PLAIN, "chat_template": ENDLESS[name]}})
    with pytest.raises(BaseModelUnusable, match="it takes longer than"):
        ChatTokenizer(folder).render([USER])


@pytest.mark.parametrize("broken", ["{", "[]", '{"chat_template": [{"name": "default"}]}'])
def test_broken_settings_are_an_error_of_the_base_model(broken: str, tmp_path: Path) -> None:
    with pytest.raises(BaseModelUnusable, match="no readable tokenizer"):
        ChatTokenizer(write_folder(tmp_path, {"tokenizer_config.json": broken}))


def test_templates_may_ask_for_the_date() -> None:
    assert ChatTemplate("{{ strftime_now('%Y') }}", {}).render(
        [], add_generation_prompt=False
    ) == datetime.now().strftime("%Y")
