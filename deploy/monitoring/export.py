"""Export the boards and the alert rules: `python -m deploy.monitoring.export` (the same files for the same code)."""

from __future__ import annotations

from pathlib import Path

import yaml

from deploy.monitoring import gpu, serving, system, training, voice
from deploy.monitoring.alerts import ALERTS
from deploy.monitoring.board import render

DEPLOY_FOLDER = Path(__file__).resolve().parents[1]
BOARDS = (training.BOARD, voice.BOARD, serving.BOARD, system.BOARD, gpu.BOARD)
HEADER = "# Written by `python -m deploy.monitoring.export` from deploy/monitoring/alerts.py. Change it there.\n"


def render_files() -> dict[Path, str]:
    """Render every exported file."""
    texts = {DEPLOY_FOLDER / "prometheus" / "alerts.yml": HEADER + render_rules()}
    for board in BOARDS:
        folder = DEPLOY_FOLDER / "grafana" / ("boards-gpu" if board.gpu else "boards")
        texts[folder / f"{board.title.lower()}.json"] = render(board)
    return texts


def render_rules() -> str:
    """Render the alerts as a rule file of Prometheus."""
    rules = [
        {
            "alert": alert.name,
            "expr": alert.expr,
            "for": alert.duration,
            "labels": {"severity": alert.severity},
            "annotations": {"summary": alert.summary, "runbook": alert.runbook},
        }
        for alert in ALERTS
    ]
    text: str = yaml.safe_dump({"groups": [{"name": "scriptorium", "rules": rules}]}, sort_keys=False, width=120)
    return text


def main() -> None:
    """Write every file."""
    for path, text in render_files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
