"""Grafana's typed builders, for the classic board format, because that is what Grafana provisions from files."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # The builders warn of the next format whenever they are imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import (
        barchart,
        bargauge,
        common,
        dashboard,
        prometheus,
        stat,
        statetimeline,
        table,
        timeseries,
        trend,
    )
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models import common as common_models
    from grafana_foundation_sdk.models import dashboard as models
    from grafana_foundation_sdk.models.prometheus import PromQueryFormat

__all__ = [
    "Builder",
    "JSONEncoder",
    "PromQueryFormat",
    "barchart",
    "bargauge",
    "common",
    "common_models",
    "dashboard",
    "models",
    "prometheus",
    "stat",
    "statetimeline",
    "table",
    "timeseries",
    "trend",
]
