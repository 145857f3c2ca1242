"""A byte-level BPE tokenizer in GGUF: tokens, their types, merges, and llama.cpp's pre-tokenizer for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf

from scriptorium.errors import BaseModelUnusable, MergeFailed
from scriptorium.models.chat_template import find_template, read_settings, special_tokens
from scriptorium.models.tokenizer import ChatTokenizer
from services.merger.exporting.llama import OTHER_CONVERTER
from services.merger.writing.companion_files import TOKENIZER, token_ids

LLAMA_3_PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
GPT_2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def add_vocabulary(writer: gguf.GGUFWriter, folder: Path, rows: int) -> None:
    """Add the tokenizer of a model folder, whose embeddings have `rows` rows; raises MergeFailed."""
    tokenizer = json.loads((folder / TOKENIZER).read_text("utf-8"))
    pre_tokenizer = find_pre_tokenizer(tokenizer)
    tokens, types = list_tokens(tokenizer, rows)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre_tokenizer)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    special = read_special_tokens(folder, rows)
    special.add_to_gguf(writer, quiet=True)


def read_special_tokens(folder: Path, rows: int | None = None) -> gguf.SpecialVocab:
    """Read merges, special tokens and chat template, so that a file stops by itself without further settings."""
    special = gguf.SpecialVocab(folder, load_merges=True, n_vocab=rows)
    special.add_special_token.setdefault("bos", False)  # llama.cpp's own default differs from tokenizer to tokenizer
    ids = token_ids(json.loads((folder / TOKENIZER).read_text("utf-8")))
    end_of_turn = ids.get(find_end_of_turn(folder))
    if end_of_turn is not None:
        special.special_token_ids["eot"] = end_of_turn
    special.chat_template = find_template(folder, read_settings(folder)) or None
    return special


def find_end_of_turn(folder: Path) -> str:
    """Return the token that ends an answer, or "" if the model has no chat template."""
    try:
        return ChatTokenizer(folder).end_of_turn
    except BaseModelUnusable:
        return ""


def added_token(folder: Path) -> str:
    """Return the token that llama.cpp and Ollama put before every text, or ""."""
    adds = read_special_tokens(folder).add_special_token.get("bos", False)
    return special_tokens(read_settings(folder)).get("bos_token", "") if adds else ""


def list_tokens(tokenizer: dict[str, Any], rows: int) -> tuple[list[str], list[gguf.TokenType]]:
    """Return the text and the type of each row; rows that no token uses get a placeholder name."""
    added = {token["id"]: bool(token.get("special")) for token in tokenizer.get("added_tokens", [])}
    texts = {number: text for text, number in token_ids(tokenizer).items()}
    types = {
        number: (gguf.TokenType.CONTROL if added[number] else gguf.TokenType.USER_DEFINED)
        if number in added
        else gguf.TokenType.NORMAL
        for number in texts
    }
    tokens = [texts.get(number, f"[PAD{number}]") for number in range(rows)]
    return tokens, [types.get(number, gguf.TokenType.UNUSED) for number in range(rows)]


def find_pre_tokenizer(tokenizer: dict[str, Any]) -> str:
    """Return llama.cpp's name for the tokenizer's pre-tokenizer; raises MergeFailed if none is known to match."""
    pre_tokenizer = tokenizer.get("pre_tokenizer") or {}
    steps = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    types = [step.get("type") for step in steps]
    last = steps[-1]
    if tokenizer.get("model", {}).get("type") == "BPE" and last.get("type") == "ByteLevel":
        if types == ["ByteLevel"] and last.get("use_regex", True):
            return "gpt-2"
        if types == ["Digits", "ByteLevel"] and steps[0].get("individual_digits") and last.get("use_regex", True):
            return "smollm"
        if types == ["Split", "ByteLevel"]:
            pattern = str(steps[0].get("pattern", {}).get("Regex", ""))
            if pattern.startswith(LLAMA_3_PATTERN):
                return "llama-bpe"
            if pattern == GPT_2_PATTERN:
                return "gpt-2"
    message = f"GGUF has no name that fits this tokenizer ({', '.join(map(str, types))})."
    raise MergeFailed(message, param=TOKENIZER, next_step=OTHER_CONVERTER)
