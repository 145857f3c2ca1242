"""Ask a live Prometheus for every panel and alert: `python -m deploy.monitoring.check http://127.0.0.1:9090 [--gpu]`.

Prints what has no data, then one line of counts. The exit status is 0 where nothing is missing.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field

from deploy.monitoring.alerts import ALERTS
from deploy.monitoring.live import Json, Prometheus, Window, ask, boards, panels

HOURS = 3


@dataclass
class Outcome:
    """How many panels have data and how many alerts are valid, and what is missing."""

    panels_with_data: int = 0
    panels: int = 0
    alerts_valid: int = 0
    alerts: int = 0
    missing: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    def __str__(self) -> str:
        return f"panels={self.panels_with_data}/{self.panels} alerts={self.alerts_valid}/{self.alerts}"


def check(prometheus: Prometheus, *, gpu: bool = False, hours: float = HOURS) -> Outcome:
    """Ask for everything that the boards and the alerts ask for, over the last hours."""
    window, outcome = Window.until_now(hours * 3600, points=10_000), Outcome()
    for board in boards(gpu=gpu):
        for panel in panels(board):
            lacking = _panel(prometheus, board, panel, window)
            outcome.panels += 1
            outcome.panels_with_data += not lacking
            outcome.missing += lacking
    _alerts(prometheus, window, outcome)
    return outcome


def _panel(prometheus: Prometheus, board: Json, panel: Json, window: Window) -> list[str]:
    """What a panel lacks: one line per query without data."""
    lacking = []
    for target in panel["targets"]:
        reason = ""
        try:
            reason = "" if ask(prometheus, board, target, window) else "no data"
        except ValueError as error:
            reason = str(error)
        if reason:
            lacking.append(f"{board['title']} / {panel['title']} / {target['refId']}: {reason}: {target['expr']}")
    return lacking


def _alerts(prometheus: Prometheus, window: Window, outcome: Outcome) -> None:
    """An alert is valid if its rule is loaded and healthy, and its signal has data."""
    health = prometheus.rules()
    for alert in ALERTS:
        reason = {None: "the rule is not loaded", "ok": ""}.get(health.get(alert.name), "the rule is not healthy")
        try:
            reason = reason or ("" if prometheus.instant(alert.signal, window) else "no data")
        except ValueError as error:
            reason = str(error)
        outcome.alerts += 1
        outcome.alerts_valid += not reason
        outcome.missing += [f"alert {alert.name}: {reason}: {alert.signal}"] if reason else []


def main() -> None:
    """Check the Prometheus of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--gpu", action="store_true", help="the board of GPU hosts, too")
    parser.add_argument("--hours", type=float, default=HOURS, help="how far to look back")
    asked = parser.parse_args()
    outcome = check(Prometheus.reach(asked.address), gpu=asked.gpu, hours=asked.hours)
    sys.stdout.writelines(f"{line}\n" for line in [*outcome.missing, str(outcome)])
    sys.exit(0 if outcome.complete else 1)


if __name__ == "__main__":
    main()
