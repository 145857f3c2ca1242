"""The chat template of a model folder, rendered as transformers does it, without its import, which takes a second.

The template comes from the model's publisher, so it runs in Jinja's sandbox, sees only messages and tokens, and is
ended if it takes long: each round of a loop and each call of a macro looks at the clock.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import Template, TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

SETTINGS_FILE = "tokenizer_config.json"
LEGACY_TOKENS_FILE = "special_tokens_map.json"
TEMPLATE_FILE = "chat_template.jinja"
DEFAULT_TEMPLATE = "default"  # the name of the one to use if a model has several
MAX_SECONDS = 20  # a real template takes milliseconds
NAMED_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class Generation(Extension):
    """The tag `{% generation %}`, which marks the assistant's text; here it renders its content unchanged."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> nodes.Node:
        """Parse the statements up to `{% endgeneration %}`."""
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)


class Deadline(threading.local):
    """When the rendering in this thread has to be done."""

    at = float("inf")

    def begin(self) -> None:
        """Begin a rendering."""
        self.at = time.monotonic() + MAX_SECONDS

    def check(self) -> bool:
        """Return True while there is time; raises TemplateError then."""
        if time.monotonic() > self.at:
            raise TemplateError(f"it takes longer than {MAX_SECONDS} seconds for a chat")
        return True


class BoundedSandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, with a deadline that no loop, condition of a loop or macro of a template can outrun."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.deadline = Deadline()

    def check_deadline(self) -> bool:
        """Raise TemplateError if the time is over."""
        return self.deadline.check()

    def compile_bounded(self, source: str) -> Template:
        """Compile a template in which every repetition looks at the clock first; raises TemplateError."""
        tree = self.parse(source)
        repetitions: Iterator[Any] = tree.find_all((nodes.For, nodes.Macro, nodes.CallBlock))
        for repeated in repetitions:
            repeated.body.insert(0, nodes.ExprStmt(call_check()))
            if isinstance(repeated, nodes.For) and repeated.test is not None:
                repeated.test = nodes.And(call_check(), repeated.test)
        nodes.Node.set_environment(tree, self)
        return self.from_string(tree)


def call_check() -> nodes.Call:
    """Return the call of the clock, which no template can name and so replace."""
    return nodes.Call(nodes.EnvironmentAttribute("check_deadline"), [], [], None, None)


class ChatTemplate:
    """A compiled template with the special tokens that it may name; raises TemplateError if it is invalid."""

    def __init__(self, source: str, tokens: Mapping[str, str]) -> None:
        sandbox = BoundedSandbox(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
        sandbox.filters["tojson"] = to_json
        sandbox.globals.update(raise_exception=raise_exception, strftime_now=format_now)
        self._deadline = sandbox.deadline
        self._template = sandbox.compile_bounded(source)
        self._tokens = dict(tokens)

    def render(self, messages: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool) -> str:
        """Return the text of a chat, optionally with the beginning of an assistant's turn; raises TemplateError."""
        self._deadline.begin()
        names: dict[str, Any] = {**self._tokens, "tools": None, "documents": None}
        return self._template.render(messages=list(messages), add_generation_prompt=add_generation_prompt, **names)


def read_settings(folder: Path) -> dict[str, Any]:
    """Read the settings of a tokenizer; an older one has its special tokens in a separate file."""
    settings = read_json(folder / SETTINGS_FILE)
    legacy = {} if "added_tokens_decoder" in settings else read_json(folder / LEGACY_TOKENS_FILE)
    return settings | legacy


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file, an empty one if the file is missing; raises OSError or ValueError."""
    body = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if not isinstance(body, dict):
        raise ValueError(f"{path.name} is not a JSON object")  # noqa: TRY004  # as for broken JSON
    return body


def find_template(folder: Path, settings: Mapping[str, Any]) -> str:
    """Return the source of the template, from its own file or from the settings (alone or by name), or ""."""
    if (folder / TEMPLATE_FILE).exists():
        return (folder / TEMPLATE_FILE).read_text(encoding="utf-8")
    source = settings.get("chat_template") or ""
    if isinstance(source, list):
        source = {template["name"]: template["template"] for template in source}
    return str(source.get(DEFAULT_TEMPLATE, "") if isinstance(source, dict) else source)


def special_tokens(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the special tokens with a role, such as `eos_token`; each is a string, or an object with its content."""
    entries = {name: settings.get(name) for name in NAMED_TOKENS}
    tokens = {name: entry.get("content") if isinstance(entry, dict) else entry for name, entry in entries.items()}
    return {name: str(token) for name, token in tokens.items() if token is not None}


def to_json(value: object, ensure_ascii: bool = False, indent: int | None = None, **settings: Any) -> str:
    """Return JSON without the HTML escapes of Jinja's own filter."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **settings)


def raise_exception(message: str) -> NoReturn:
    """Raise TemplateError; templates call this to refuse a chat."""
    raise TemplateError(message)


def format_now(pattern: str) -> str:
    """Return the current time in the format that a template asks for."""
    return datetime.now().strftime(pattern)
