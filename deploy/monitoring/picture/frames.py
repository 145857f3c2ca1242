"""The data of a panel: the results of its queries, after the transformations that Grafana would apply."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.monitoring.live import Json, Prometheus, Series, TimeRange, fill_variables, query_target

Cell = str | float | None
Table = dict[str, list[Cell]]  # columns in their order


@dataclass(frozen=True)
class NamedSeries:
    """A named series of a chart; without points for a legend."""

    name: str
    points: list[tuple[float, float]]


def read_series(prometheus: Prometheus, board: Json, panel: Json, time_range: TimeRange) -> list[NamedSeries]:
    """Read every series of a panel, in the order of the queries and then of the names, which the panel may shorten."""
    all_series: list[NamedSeries] = []
    for target in panel["targets"]:
        answers = query_target(prometheus, board, target, time_range)
        named = [NamedSeries(fill_legend(target["legendFormat"], series.labels), series.points) for series in answers]
        all_series += sorted(named, key=lambda line: line.name)
    for change in panel.get("transformations", []):
        all_series = [NamedSeries(_rename_by_regex(line.name, change["options"]), line.points) for line in all_series]
    return all_series


def fill_legend(template: str, labels: Mapping[str, str]) -> str:
    """Fill the labels into a legend."""
    return re.sub(r"{{\s*(\w+)\s*}}", lambda match: labels.get(match[1], ""), template)


def read_table(prometheus: Prometheus, board: Json, panel: Json, time_range: TimeRange) -> Table:
    """Read the table of a panel and apply its transformations."""
    answers = {target["refId"]: query_target(prometheus, board, target, time_range) for target in panel["targets"]}
    columns = _merge(answers)
    for change in panel["transformations"]:
        columns = _TRANSFORMATIONS[change["id"]](columns, change["options"])
    return columns


def read_annotations(
    prometheus: Prometheus, board: Json, panel: Json, time_range: TimeRange
) -> list[tuple[float, str]]:
    """Read the times and colours of a panel's annotations; of neighbouring points only the first counts."""
    annotations = []
    for event in board["annotations"].get("list", []):
        if panel["id"] not in event["filter"]["ids"]:
            continue
        for series in prometheus.query_range(
            fill_variables(event["target"]["expr"], board, event["target"], time_range), time_range
        ):
            previous = float("-inf")
            for when, value in series.points:
                if value > 0 and when - previous > time_range.step:
                    annotations.append((when, event["iconColor"]))
                previous = when
    return annotations


def _merge(answers: Mapping[str, list[Series]]) -> Table:
    """Put results with the same labels into one row; like Grafana, number the values of several queries."""
    rows: dict[tuple[tuple[str, str], ...], dict[str, Cell]] = {}
    for letter, series in answers.items():
        value = "Value" if len(answers) == 1 else f"Value #{letter}"
        for entry in sorted(series, key=lambda entry: sorted(entry.labels.items())):
            row = rows.setdefault(tuple(sorted(entry.labels.items())), dict(entry.labels))
            row[value] = entry.last
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    return {name: [row.get(name) for row in rows.values()] for name in names}


def _pivot(columns: Table, options: Json) -> Table:
    across, down, value = (columns.get(options[key], []) for key in ("columnField", "rowField", "valueField"))
    cells = {(row, column): number for row, column, number in zip(down, across, value, strict=True)}
    rows, titles = list(dict.fromkeys(down)), list(dict.fromkeys(across))
    table: Table = {f"{options['rowField']}\\{options['columnField']}": rows}
    for title in titles:
        table[str(title)] = [cells.get((row, title)) for row in rows]
    return table


def _convert_to_numbers(columns: Table, options: Json) -> Table:
    fields = {change["targetField"] for change in options["conversions"]}
    return {name: [float(str(cell)) for cell in cells] if name in fields else cells for name, cells in columns.items()}


def _sort(columns: Table, options: Json) -> Table:
    key = columns[options["sort"][0]["field"]]
    order = sorted(range(len(key)), key=lambda index: float(str(key[index])))
    return {name: [cells[index] for index in order] for name, cells in columns.items()}


def _organize(columns: Table, options: Json) -> Table:
    positions: dict[str, int] = options["indexByName"]
    names = sorted((name for name in columns if name not in options["excludeByName"]),
                   key=lambda name: positions.get(name, len(positions)))  # fmt: skip
    return {options["renameByName"].get(name, name): columns[name] for name in names}


def _rename_by_regex(name: str, options: Json) -> str:
    return re.sub(options["regex"], re.sub(r"\$(\d)", r"\\\1", options["renamePattern"]), name)


def _rename_columns(columns: Table, options: Json) -> Table:
    return {_rename_by_regex(name, options): cells for name, cells in columns.items()}


def _keep(columns: Table, options: Json) -> Table:
    return columns


_TRANSFORMATIONS: Mapping[str, Any] = {
    "groupingToMatrix": _pivot,
    "convertFieldType": _convert_to_numbers,
    "sortBy": _sort,
    "organize": _organize,
    "renameByRegex": _rename_columns,
    "merge": _keep,  # the results are merged as they are read
}
