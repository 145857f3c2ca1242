"""The commands with which docs/operations.md backs up and restores, to be run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "operations.md"
SECTION = re.compile(r"^## Backup and restore$(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT = re.compile(r"^\$ ", re.MULTILINE)


def read_backup_commands() -> tuple[str, str, str]:
    """Return what is typed for a backup, for its restore, and if only the volume `data` is left."""
    section = SECTION.search(PAGE.read_text("utf-8"))
    blocks = BLOCK.findall(section[1]) if section else []
    backup, restore, rebuild = (PROMPT.sub("", block) for block in blocks)
    return backup, restore, rebuild
