"""Draw every board of a live Prometheus as a PNG file."""

from __future__ import annotations

import argparse
from pathlib import Path

from deploy.monitoring.live import Json, Prometheus, Window, boards
from deploy.monitoring.picture.canvas import CELL_HEIGHT, CELL_WIDTH, FAINT, HEAD, Canvas, place
from deploy.monitoring.picture.draw import Painter


def draw(prometheus: Prometheus, board: Json, window: Window) -> Canvas:
    """Draw one board."""
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    canvas = Canvas(24 * CELL_WIDTH, HEAD + rows * CELL_HEIGHT + 8)
    canvas.write(14, 30, f"Scriptorium  ›  {board['title']}", fontsize=15, fontweight="bold")
    chosen = "".join(f"{variable['label']}  All ▾      " for variable in board["templating"]["list"])
    minutes = (window.end - window.start) / 60
    canvas.write(canvas.width - 14, 30, f"{chosen}Last {minutes:.0f} minutes", ha="right", color=FAINT, fontsize=10)
    painter = Painter(canvas, prometheus, board, window)
    for panel in board["panels"]:
        box = place(panel)
        if panel["type"] == "row":
            canvas.write(box.x + 8, box.y + box.height / 2, f"⌄  {panel['title']}", fontsize=12, fontweight="bold")
        else:
            painter.draw(panel, box)
    return canvas


def main() -> None:
    """Draw the boards of the command line's Prometheus into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=60, help="how much time the boards show")
    parser.add_argument("--gpu", action="store_true", help="the board of GPU hosts, too")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    prometheus, window = Prometheus.reach(asked.address), Window.until_now(asked.minutes * 60, points=720)
    for board in boards(gpu=asked.gpu):
        path = asked.folder / f"{board['title'].lower()}.png"
        draw(prometheus, board, window).figure.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    main()
