"""Turn the findings into one self-contained HTML page.

The template escapes everything, because books and models are not trusted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scriptorium.paragraphs import split_paragraphs
from services.evaluator.curve import draw_curve
from services.evaluator.drops import draw_drops
from services.evaluator.findings import Findings
from services.evaluator.sample import Sample

PAGE = "report.html"
AIR = 40  # words that the author's passage may be longer on the page than the longer of the two answers


def render_page(findings: Findings, samples: Sequence[Sample]) -> str:
    """The whole page as HTML."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(paragraphs=split_paragraphs, day=_day, words=_count_words, unbroken=_unbroken)
    return environment.get_template("report.html.j2").render(
        findings=findings,
        samples=[(sample, *_shorten(sample)) for sample in samples],
        curve=draw_curve(findings.training),
        drops=draw_drops(findings.result.author, findings.result.others),
    )


def _shorten(sample: Sample) -> tuple[str, str]:
    """The author's passage in two: about as much as the models wrote, and the rest."""
    room = max(_count_words(sample.base.text), _count_words(sample.tuned.text)) + AIR
    ends = [word.end() for word in re.finditer(r"\S+", sample.genuine)]
    if len(ends) <= room + AIR:
        return sample.genuine, ""
    return sample.genuine[: ends[room - 1]], sample.genuine[ends[room - 1] :]


def _unbroken(text: str) -> str:
    """The text with its percent signs tied to their numbers."""
    return text.replace(" %", "\u00a0%")


def _count_words(text: str) -> int:
    return len(text.split())


def _day(seconds: int) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.day} {moment:%B %Y}"
