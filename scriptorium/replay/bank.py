"""The bank of plain requests: a YAML file per language with its patterns and what fills them.

A pattern is filled from one list of values: a text is its `{topic}`, a pair its `{a}` and `{b}`. The lengths are the
sentences that ask for a number of words, behind the request.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from scriptorium.text.languages.language import read_language

FOLDER = Path(__file__).with_name("requests")
CODE_VERSION = 1  # raise it when the same files would give other requests, or when the judge would keep other answers


class RequestPatterns(BaseModel):
    """The patterns of a kind of request, and the name of the list that fills them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    values: str
    patterns: list[str]


class LanguageBank(BaseModel):
    """The requests in a language; `targets` are the languages to translate into, by code, as the language names them.

    `tokens_per_word` is what a small model's tokenizer needs, which has seen little but English.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    tokens_per_word: float
    targets: dict[str, str]
    lengths: list[str]
    values: dict[str, list[str | list[str]]]
    kinds: dict[str, RequestPatterns]


@cache
def list_languages() -> tuple[str, ...]:
    """List the codes of the languages in the bank."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def read_bank(language: str) -> LanguageBank:
    """Read the bank of a language, by its code."""
    return LanguageBank.model_validate(yaml.safe_load((FOLDER / f"{language}.yaml").read_text(encoding="utf-8")))


@cache
def requests_version() -> str:
    """Return the version of the bank and its code: answers to another version's requests are no use."""
    digest = hashlib.sha256(f"{CODE_VERSION}\n".encode())
    for language in list_languages():
        digest.update((FOLDER / f"{language}.yaml").read_bytes())
        digest.update(" ".join(sorted(read_language(language).small_words)).encode())  # by which answers are judged
    return digest.hexdigest()[:16]


REQUESTS_VERSION = requests_version()
