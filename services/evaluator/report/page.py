"""Render the report as one self-contained HTML page.

The template escapes everything, because books and models are not trusted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from markupsafe import Markup

from scriptorium.contracts.report.document import Report, Sample
from scriptorium.contracts.report.rewriting import RewriteRole, RewriteSample
from scriptorium.contracts.report.voice import CopiedRun
from scriptorium.html.inline_code import render_code
from scriptorium.html.loss_curve import draw_curve
from scriptorium.html.paragraphs import split_paragraphs
from scriptorium.html.templates import page_templates
from scriptorium.sampling import spread
from scriptorium.text.word_spans import count_running_words, find_word_spans
from services.evaluator.calibration.picture import TEMPLATES, draw_calibration
from services.evaluator.report.dot_plots import draw_loss_drops, draw_transfer_plot
from services.evaluator.report.headline import write_headline
from services.evaluator.report.summary import describe_findings, write_gain
from services.evaluator.rewriting.samples import select_rewrites
from services.evaluator.voice_inputs import Pair

SHOWN_PAIRS = 12  # passages side by side, evenly spread: as many as anybody reads
SHOWN_SCENES, SHOWN_LEAKS = 4, 2  # new scenes on the page, and at most so many because of their names
SHOWN_REWRITES = 3
SHOWN_ROLES: tuple[RewriteRole, ...] = ("draft", "base", "tuned")
SPARE_WORDS = 40  # by which the author's passage may be longer on the page than the longer of the two answers
BEGIN, END = "\ue000", "\ue001"  # around a copied run: private characters, which no readable text contains


def render_page(
    report: Report, pairs: Sequence[Pair], *, scenes: Sequence[Sample] = (), rewrites: Sequence[RewriteSample] = ()
) -> str:
    """Render the whole page.

    `scenes` are the tuned model's passages from new scenes, `rewrites` the drafts and what both models made of them.
    """
    templates = page_templates(
        Path(__file__).parent,
        TEMPLATES,
        paragraphs=split_paragraphs,
        day=_format_day,
        words=_count_words,
        prose=_render_prose,
        highlight_copies=highlight_copies,
        percent=_format_percent,
    )
    return templates.get_template("report.html.j2").render(
        report=report,
        gain=write_gain(report.result),
        findings=describe_findings(report.findings),
        headline=write_headline(report.voice),
        transfer_plot=draw_transfer_plot(report.voice),
        calibration_plot=draw_calibration(report.calibration.scores) if report.calibration else None,
        pairs=[(pair, *_shorten(pair), _copied_runs(report, pair)) for pair in spread(pairs, SHOWN_PAIRS)],
        scenes=choose_scenes(report, scenes),
        rewritten=spread(
            list(zip(*(select_rewrites(rewrites, role) for role in SHOWN_ROLES), strict=True)), SHOWN_REWRITES
        ),
        curve=draw_curve(report.training),
        loss_drops=draw_loss_drops(report.result.author, report.result.others),
    )


def choose_scenes(report: Report, scenes: Sequence[Sample]) -> list[tuple[Sample, list[CopiedRun]]]:
    """Choose passages from new scenes, in order, with their leaked names: two with such names, the rest without.

    If there are too few without, there are fewer passages.
    """
    leaked_names = {leak.index: leak.names for leak in report.scenes.leaking} if report.scenes else {}
    leaking = spread([scene for scene in scenes if scene.index in leaked_names], SHOWN_LEAKS)
    others = spread([scene for scene in scenes if scene.index not in leaked_names], SHOWN_SCENES - len(leaking))
    chosen = sorted([*leaking, *others], key=lambda scene: scene.index)
    return [(scene, mark_names(scene.text, leaked_names.get(scene.index, ()))) for scene in chosen]


def mark_names(text: str, names: Sequence[str]) -> list[CopiedRun]:
    """Return the places of names in a text; the case of all letters but the first may differ."""
    if not names:
        return []
    pattern = re.compile(rf"(?<![^\W\d_])(?:{'|'.join(map(re.escape, names))})(?![^\W\d_])", re.IGNORECASE)
    matches = [match for match in pattern.finditer(text) if match.group()[0].isupper()]
    return [CopiedRun(start=match.start(), end=match.end(), words=1, text=match.group()) for match in matches]


def highlight_copies(text: str, copies: Sequence[CopiedRun]) -> list[list[tuple[str, bool]]]:
    """Split a text into paragraphs, and these into pieces with whether each is copied; a run may span paragraphs."""
    text = re.sub(f"[{BEGIN}{END}]", "\ufffd", text)
    for copy in sorted(copies, key=lambda copy: -copy.start):
        text = f"{text[: copy.start]}{BEGIN}{text[copy.start : copy.end]}{END}{text[copy.end :]}"
    copied, paragraphs = False, []
    for paragraph in split_paragraphs(text):
        pieces = []
        for piece in re.split(f"([{BEGIN}{END}])", paragraph):
            if piece in (BEGIN, END):
                copied = piece == BEGIN
            elif piece:
                pieces.append((piece, copied))
        paragraphs.append(pieces)
    return [pieces for pieces in paragraphs if pieces]


def _shorten(pair: Pair) -> tuple[str, str]:
    """Split the author's passage in two: about as much as the models wrote, and the rest."""
    genuine = pair.base.genuine
    room = max(_count_words(pair.base.text), _count_words(pair.tuned.text)) + SPARE_WORDS
    ends = [end for _, end in find_word_spans(genuine)]
    if len(ends) <= room + SPARE_WORDS:
        return genuine, ""
    return genuine[: ends[room - 1]], genuine[ends[room - 1] :]


def _copied_runs(report: Report, pair: Pair) -> Sequence[CopiedRun]:
    """Return the runs that the tuned model copied into this passage."""
    voice = report.voice.measured
    return voice.samples[pair.tuned.index].copied if voice else ()


def _render_prose(text: str) -> Markup:
    """Escape a sentence of ours, with its code, and join percent signs to their numbers with a no-break space."""
    return render_code(re.sub(r"(?<=\d) ?%", "\u00a0%", text))


def _format_percent(share: float) -> str:
    """Format a share in percent."""
    return f"{share:.0%}".replace("%", "\u00a0%")


def _count_words(text: str) -> int:
    """Count the words of a text; white space parts them, or a dictionary."""
    return count_running_words(text)


def _format_day(seconds: int) -> str:
    """Format the day of a Unix time, in UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.day} {moment:%B %Y}"
