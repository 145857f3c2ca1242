"""The report with the tally of its blind reading, made whenever it is asked for: what was published never changes."""

from __future__ import annotations

from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Phase
from services.api.blind_reading.blind_reading import Reading
from services.api.blind_reading.page import render_section

REPORT = "report.html"
MARK = "<!-- blind reading -->"  # in the report; one of an earlier version has the tally at its end
END = "</main>"


def read_report(volume: Volume, job_id: str, *, linked: bool) -> str:
    """A job's report as it is now, `linked` to the reading or to be kept; raises Conflict where it has none."""
    section = render_section(Reading(volume, job_id).tally(), linked=linked)
    return insert((volume.folder(job_id, Phase.EVALUATE) / REPORT).read_text(encoding="utf-8"), section)


def insert(page: str, section: str) -> str:
    """The page with a section at its mark; texts in it are escaped, so that no book can contain the mark."""
    mark = MARK if MARK in page else END
    return page.replace(mark, section + mark, 1)
