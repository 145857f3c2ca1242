"""Turn the findings into one self-contained HTML page.

The template escapes everything, because books and models are not trusted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from scriptorium.html.paragraphs import split_paragraphs
from scriptorium.html.templates import page_templates
from scriptorium.sampling import spread
from services.evaluator.report.findings import Findings
from services.evaluator.report.headline import headline
from services.evaluator.report.highlight_copies import mark_copies
from services.evaluator.report.loss_curve import draw_curve
from services.evaluator.report.loss_drop_plot import draw_drops
from services.evaluator.report.transfer_plot import draw_places
from services.evaluator.voice.result import Copied
from services.evaluator.voice_inputs import Pair

PAGE = "report.html"
SHOWN = 12  # passages side by side, evenly spread: as many as somebody reads
AIR = 40  # words that the author's passage may be longer on the page than the longer of the two answers


def render_page(findings: Findings, pairs: Sequence[Pair]) -> str:
    """The whole page as HTML."""
    templates = page_templates(
        Path(__file__).parent,
        paragraphs=split_paragraphs,
        day=_day,
        words=_count_words,
        unbroken=_unbroken,
        marked=mark_copies,
        percent=_percent,
    )
    return templates.get_template("report.html.j2").render(
        findings=findings,
        headline=headline(findings.voice),
        places=draw_places(findings.voice),
        pairs=[(pair, *_shorten(pair), _copied(findings, pair)) for pair in spread(pairs, SHOWN)],
        curve=draw_curve(findings.training),
        drops=draw_drops(findings.result.author, findings.result.others),
    )


def _shorten(pair: Pair) -> tuple[str, str]:
    """The author's passage in two: about as much as the models wrote, and the rest."""
    genuine = pair.base.genuine
    room = max(_count_words(pair.base.text), _count_words(pair.tuned.text)) + AIR
    ends = [word.end() for word in re.finditer(r"\S+", genuine)]
    if len(ends) <= room + AIR:
        return genuine, ""
    return genuine[: ends[room - 1]], genuine[ends[room - 1] :]


def _copied(findings: Findings, pair: Pair) -> Sequence[Copied]:
    """What the tuned model copied into this passage."""
    voice = findings.voice.measured
    return voice.samples[pair.tuned.index].copied if voice else ()


def _unbroken(text: str) -> str:
    """The text with its percent signs tied to their numbers."""
    return re.sub(r"(?<=\d) ?%", "\u00a0%", text)


def _percent(share: float) -> str:
    """A share in percent."""
    return f"{share:.0%}".replace("%", "\u00a0%")


def _count_words(text: str) -> int:
    return len(text.split())


def _day(seconds: int) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.day} {moment:%B %Y}"
