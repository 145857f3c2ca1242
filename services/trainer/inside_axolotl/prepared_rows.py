"""Saving few prepared rows within this process, inside Axolotl.

Axolotl saves tokenised rows through processes of their own, one even for ten rows, and a new interpreter imports
Axolotl again: some ten seconds for the training rows, and again for the dev rows.
"""

from __future__ import annotations

from typing import Any

from datasets import Dataset

save_with_processes = Dataset.save_to_disk


def save_here(rows: Dataset, *arguments: Any, num_proc: int | None = None, **options: Any) -> None:
    """Save rows as `Dataset.save_to_disk` does, but in no other process."""
    save_with_processes(rows, *arguments, num_proc=None, **options)


def save_in_this_process() -> None:
    """Make `Dataset.save_to_disk` start no processes from now on."""
    Dataset.save_to_disk = save_here
