"""The drops in loss as a picture: a dot with its interval per set of passages, all on one axis with zero."""

from __future__ import annotations

from scriptorium.contracts import LossDrop
from scriptorium.html.dot_plot import Bars, Row, lay_out


def draw_drops(author: LossDrop, others: LossDrop | None) -> Bars:
    """Lay out the drop on the author's held-out chapters and, if there are any, on other authors' pages."""
    sets = [("This author", "tuned", author), ("Other authors", "base", others)]
    return lay_out([_row(name, kind, drop) for name, kind, drop in sets if drop is not None], [(0.0, "")])


def _row(name: str, kind: str, drop: LossDrop) -> Row:
    label = f"{drop.drop_percent:.1f} %".replace("-", "−")
    return Row(name, kind, drop.drop_percent, drop.low_percent, drop.high_percent, label)
