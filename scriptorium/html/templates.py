"""Jinja templates of our HTML pages: everything is escaped, because books, models and readers are not trusted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scriptorium.html.inline_code import render_code


def page_templates(*folders: Path, **filters: Callable[..., Any]) -> Environment:
    """Return the templates of folders, the first first, and of this one; an undefined name is an error.

    All have the filter `code`, for sentences of ours with code between backticks.
    """
    environment = Environment(
        loader=FileSystemLoader([*folders, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({"code": render_code} | filters)
    return environment
