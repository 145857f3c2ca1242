"""Jinja templates of our HTML pages: everything is escaped, because books, models and readers are not trusted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def page_templates(*folders: Path, **filters: Callable[..., Any]) -> Environment:
    """Return the templates of folders, the first first, and of this one; an undefined name is an error."""
    environment = Environment(
        loader=FileSystemLoader([*folders, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment
