"""Draw every board of a live Prometheus as a PNG file."""

from __future__ import annotations

import argparse
from pathlib import Path

from deploy.monitoring.live import Json, Prometheus, TimeRange, read_boards
from deploy.monitoring.picture.canvas import CELL_HEIGHT, CELL_WIDTH, FAINT_TEXT, HEADER_HEIGHT, Canvas, panel_box
from deploy.monitoring.picture.draw import Painter


def draw(prometheus: Prometheus, board: Json, time_range: TimeRange) -> Canvas:
    """Draw a board."""
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    canvas = Canvas(24 * CELL_WIDTH, HEADER_HEIGHT + rows * CELL_HEIGHT + 8)
    canvas.write(14, 30, f"Scriptorium  ›  {board['title']}", fontsize=15, fontweight="bold")
    chosen = "".join(f"{variable['label']}  All ▾      " for variable in board["templating"]["list"])
    minutes = (time_range.end - time_range.start) / 60
    canvas.write(
        canvas.width - 14, 30, f"{chosen}Last {minutes:.0f} minutes", ha="right", color=FAINT_TEXT, fontsize=10
    )
    painter = Painter(canvas, prometheus, board, time_range)
    for panel in board["panels"]:
        box = panel_box(panel)
        if panel["type"] == "row":
            canvas.write(box.x + 8, box.y + box.height / 2, f"⌄  {panel['title']}", fontsize=12, fontweight="bold")
        else:
            painter.draw(panel, box)
    return canvas


def main() -> None:
    """Draw the boards into a folder, with the data of the Prometheus that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=60, help="the time range of the boards")
    parser.add_argument("--gpu", action="store_true", help="draw the board of GPU hosts as well")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    prometheus, time_range = (
        Prometheus.connect(arguments.address),
        TimeRange.until_now(arguments.minutes * 60, points=720),
    )
    for board in read_boards(gpu=arguments.gpu):
        path = arguments.folder / f"{board['title'].lower()}.png"
        draw(prometheus, board, time_range).figure.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    main()
