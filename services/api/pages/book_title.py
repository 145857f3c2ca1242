"""The title of a job's book, for its pages."""

from __future__ import annotations

from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Job, Phase


def find_title(volume: Volume, job: Job, otherwise: str = "") -> str:
    """Return the title that preparation found; before that, or in an old job, `otherwise`, its suffix or its id."""
    published = volume.published(job.id, Phase.PREPARE) or {}
    return str(published.get("result", {}).get("title") or otherwise or job.suffix or job.id)
