"""The files of a checkpoint that make up an adapter, and a copy of them at another strength."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from scriptorium.artifacts.checkpoints import SCALED_ADAPTER
from scriptorium.artifacts.volume import disk_errors
from services.merger.inputs import adapter
from services.merger.writing.companion_files import TOKENIZER_FILES


def adapter_files(checkpoint: Path) -> list[Path]:
    """Return the files of a checkpoint that make up an adapter: all but the optimiser's state."""
    names = (adapter.CONFIG, adapter.WEIGHTS, *TOKENIZER_FILES)
    return [checkpoint / name for name in names if (checkpoint / name).is_file()]


def write_scaled_adapter(checkpoint: Path, strength: float, folder: Path) -> None:
    """Write the adapter at a strength into the merged model's folder, for whoever loads it beside the base.

    Only its configuration differs: scaling the matrices would round them a second time.
    """
    target = folder / SCALED_ADAPTER
    with disk_errors():
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        for path in adapter_files(checkpoint):
            if path.name != adapter.CONFIG:
                link_or_copy(path, target / path.name)
        (target / adapter.CONFIG).write_bytes(adapter.scaled_config(checkpoint, strength))


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file that never changes a second name, or copy it to another filesystem."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
