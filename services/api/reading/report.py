"""The report with the tally of its blind reading, made whenever it is asked for: what was published never changes."""

from __future__ import annotations

import re

from scriptorium.contracts import Phase, StoredFile
from scriptorium.files import RESULT, Files
from scriptorium.volume import Volume
from services.api.reading.page import render_section
from services.api.reading.reading import Reading

REPORT = "report.html"
MARK = "<!-- blind reading -->"  # in the report; one of an earlier version has the tally at its end
END = "</main>"
OFFERED = re.compile(r"(ftjob-[\w-]+)-report\.html")  # how a job's report is called among the files


def read_report(volume: Volume, job_id: str) -> str:
    """A job's report as it is now, with a link to the reading; raises Conflict where it has none."""
    section = render_section(Reading(volume, job_id).tally(), link="read")
    return insert((volume.folder(job_id, Phase.EVALUATE) / REPORT).read_text(encoding="utf-8"), section)


def read_offered(volume: Volume, file: StoredFile) -> bytes | None:
    """What a result file holds now, where it is the report of a job that somebody has read blind; else None."""
    job_id = report_of(file)
    if job_id is None or not volume.readings(job_id).exists() or not volume.published(job_id, Phase.EVALUATE):
        return None
    tally = Reading(volume, job_id).tally()
    page = Files(volume.files).content(file.id).read_text(encoding="utf-8")
    return insert(page, render_section(tally, link=None)).encode() if tally.answers else None


def report_of(file: StoredFile) -> str | None:
    """The job whose report a file is."""
    named = OFFERED.fullmatch(file.filename)
    return named[1] if named and file.purpose == RESULT else None


def insert(page: str, section: str) -> str:
    """The page with a section at its mark; texts in it are escaped, so that no book can contain the mark."""
    mark = MARK if MARK in page else END
    return page.replace(mark, section + mark, 1)
