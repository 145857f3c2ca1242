"""The templates of a room of the site: its own folder's, the site's, and the layout that all pages share."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment

from services.api.pages.page import room_templates


def site_templates(folder: Path) -> Environment:
    """Return the templates of a room's folder."""
    return room_templates(folder, Path(__file__).parent)
