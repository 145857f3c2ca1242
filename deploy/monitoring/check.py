"""Query a live Prometheus for every panel and alert: `python -m deploy.monitoring.check http://127.0.0.1:9090 [--gpu]`.

Prints the queries without data, then one line of counts. The exit status is 0 if nothing is missing.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field

from deploy.monitoring.alerts import ALERTS
from deploy.monitoring.live import Json, Prometheus, TimeRange, data_panels, query_target, read_boards

DEFAULT_HOURS = 3


@dataclass
class CheckOutcome:
    """The number of panels with data and of valid alerts, and a line for each that is missing."""

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


def check(prometheus: Prometheus, *, gpu: bool = False, hours: float = DEFAULT_HOURS) -> CheckOutcome:
    """Run every query of the boards and the alerts over the last hours."""
    time_range, outcome = TimeRange.until_now(hours * 3600, points=10_000), CheckOutcome()
    for board in read_boards(gpu=gpu):
        for panel in data_panels(board):
            missing = _check_panel(prometheus, board, panel, time_range)
            outcome.panels += 1
            outcome.panels_with_data += not missing
            outcome.missing += missing
    _check_alerts(prometheus, time_range, outcome)
    return outcome


def _check_panel(prometheus: Prometheus, board: Json, panel: Json, time_range: TimeRange) -> list[str]:
    """Return one line per query of a panel that has no data."""
    missing = []
    for target in panel["targets"]:
        reason = ""
        try:
            reason = "" if query_target(prometheus, board, target, time_range) else "no data"
        except ValueError as error:
            reason = str(error)
        if reason:
            missing.append(f"{board['title']} / {panel['title']} / {target['refId']}: {reason}: {target['expr']}")
    return missing


def _check_alerts(prometheus: Prometheus, time_range: TimeRange, outcome: CheckOutcome) -> None:
    """Count the valid alerts: those whose rule is loaded and healthy, and whose signal has data."""
    health = prometheus.rules()
    for alert in ALERTS:
        reason = {None: "the rule is not loaded", "ok": ""}.get(health.get(alert.name), "the rule is not healthy")
        try:
            reason = reason or ("" if prometheus.query_instant(alert.signal, time_range) else "no data")
        except ValueError as error:
            reason = str(error)
        outcome.alerts += 1
        outcome.alerts_valid += not reason
        outcome.missing += [f"alert {alert.name}: {reason}: {alert.signal}"] if reason else []


def main() -> None:
    """Check the Prometheus that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--gpu", action="store_true", help="check the board of GPU hosts as well")
    parser.add_argument("--hours", type=float, default=DEFAULT_HOURS, help="how far to look back")
    arguments = parser.parse_args()
    outcome = check(Prometheus.connect(arguments.address), gpu=arguments.gpu, hours=arguments.hours)
    sys.stdout.writelines(f"{line}\n" for line in [*outcome.missing, str(outcome)])
    sys.exit(0 if outcome.complete else 1)


if __name__ == "__main__":
    main()
