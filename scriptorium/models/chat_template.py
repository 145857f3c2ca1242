"""A model folder's chat template, rendered as transformers renders it, without importing it: that takes a second.

The template comes from whoever made the model, so it runs in Jinja's sandbox and sees nothing but messages and tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

SETTINGS = "tokenizer_config.json"
LEGACY_TOKENS = "special_tokens_map.json"
TEMPLATE = "chat_template.jinja"
DEFAULT = "default"  # of several templates
NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class Generation(Extension):
    """`{% generation %}` marks what an assistant says; here it is what stands in it."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> nodes.Node:
        """The statements up to `{% endgeneration %}`."""
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)


class ChatTemplate:
    """A compiled template with the special tokens that it may name; raises TemplateError where it is no template."""

    def __init__(self, source: str, tokens: Mapping[str, str]) -> None:
        sandbox = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
        )
        sandbox.filters["tojson"] = to_json
        sandbox.globals.update(raise_exception=raise_exception, strftime_now=tell_time)
        self._template = sandbox.from_string(source)
        self._tokens = dict(tokens)

    def render(self, messages: Sequence[Mapping[str, Any]], *, ask: bool) -> str:
        """The text of a chat; with `ask` it ends where the assistant is about to write. Raises TemplateError."""
        names: dict[str, Any] = {**self._tokens, "tools": None, "documents": None}
        return self._template.render(messages=list(messages), add_generation_prompt=ask, **names)


def read_settings(folder: Path) -> dict[str, Any]:
    """What a tokenizer says of itself; an older one names its special tokens in a file of their own."""
    settings = read_json(folder / SETTINGS)
    legacy = {} if "added_tokens_decoder" in settings else read_json(folder / LEGACY_TOKENS)
    return settings | legacy


def read_json(path: Path) -> dict[str, Any]:
    """An object from a file; an absent file has an empty one. Raises OSError or ValueError."""
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} holds no object")  # noqa: TRY004  # as broken JSON does
    return found


def find_template(folder: Path, settings: Mapping[str, Any]) -> str:
    """The source of the template: from a file of its own, or in the settings, alone or by name; "" without one."""
    if (folder / TEMPLATE).exists():
        return (folder / TEMPLATE).read_text(encoding="utf-8")
    found = settings.get("chat_template") or ""
    if isinstance(found, list):
        found = {each["name"]: each["template"] for each in found}
    return str(found.get(DEFAULT, "") if isinstance(found, dict) else found)


def special_tokens(settings: Mapping[str, Any]) -> dict[str, str]:
    """The special tokens that have a role, such as `eos_token`; a token is a string, or an object with its content."""
    held = {name: settings.get(name) for name in NAMED}
    found = {name: token.get("content") if isinstance(token, dict) else token for name, token in held.items()}
    return {name: str(token) for name, token in found.items() if token is not None}


def to_json(value: object, ensure_ascii: bool = False, indent: int | None = None, **settings: Any) -> str:
    """JSON without escapes for HTML, which Jinja's own filter puts in."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **settings)


def raise_exception(message: str) -> NoReturn:
    """What a template calls that refuses a chat."""
    raise TemplateError(message)


def tell_time(form: str) -> str:
    """Today, as a template wants it written."""
    return datetime.now().strftime(form)
