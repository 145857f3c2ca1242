"""What a panel shows: its queries' answers, after the transformations that Grafana would apply to a table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.monitoring.live import Json, Prometheus, Series, Window, ask, fill

Cell = str | float | None
Table = dict[str, list[Cell]]  # columns in their order


@dataclass(frozen=True)
class Line:
    """A named series of a chart; without points where only its name is known."""

    name: str
    points: list[tuple[float, float]]


def lines(prometheus: Prometheus, board: Json, panel: Json, window: Window) -> list[Line]:
    """Every series of a panel, in the order of the queries and then of the names, which are shortened as asked."""
    found: list[Line] = []
    for target in panel["targets"]:
        answers = ask(prometheus, board, target, window)
        named = [Line(legend(target["legendFormat"], series.labels), series.points) for series in answers]
        found += sorted(named, key=lambda line: line.name)
    for change in panel.get("transformations", []):
        found = [Line(_renamed(line.name, change["options"]), line.points) for line in found]
    return found


def legend(template: str, labels: Mapping[str, str]) -> str:
    """A legend with the labels filled in."""
    return re.sub(r"{{\s*(\w+)\s*}}", lambda match: labels.get(match[1], ""), template)


def table(prometheus: Prometheus, board: Json, panel: Json, window: Window) -> Table:
    """The table of a panel after its transformations."""
    answers = {target["refId"]: ask(prometheus, board, target, window) for target in panel["targets"]}
    columns = _merge(answers)
    for change in panel["transformations"]:
        columns = _CHANGES[change["id"]](columns, change["options"])
    return columns


def marks(prometheus: Prometheus, board: Json, panel: Json, window: Window) -> list[tuple[float, str]]:
    """When the board's events happened, and their colours: of points that follow each other the first one."""
    found = []
    for event in board["annotations"].get("list", []):
        if panel["id"] not in event["filter"]["ids"]:
            continue
        for series in prometheus.over(fill(event["target"]["expr"], board, event["target"], window), window):
            before = float("-inf")
            for when, value in series.points:
                if value > 0 and when - before > window.step:
                    found.append((when, event["iconColor"]))
                before = when
    return found


def _merge(answers: Mapping[str, list[Series]]) -> Table:
    """One row for all answers with the same labels. Grafana numbers the values where there are several queries."""
    rows: dict[tuple[tuple[str, str], ...], dict[str, Cell]] = {}
    for letter, series in answers.items():
        value = "Value" if len(answers) == 1 else f"Value #{letter}"
        for one in sorted(series, key=lambda each: sorted(each.labels.items())):
            row = rows.setdefault(tuple(sorted(one.labels.items())), dict(one.labels))
            row[value] = one.last
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    return {name: [row.get(name) for row in rows.values()] for name in names}


def _matrix(columns: Table, options: Json) -> Table:
    across, down, value = (columns.get(options[key], []) for key in ("columnField", "rowField", "valueField"))
    cells = {(row, column): number for row, column, number in zip(down, across, value, strict=True)}
    rows, titles = list(dict.fromkeys(down)), list(dict.fromkeys(across))
    made: Table = {f"{options['rowField']}\\{options['columnField']}": rows}
    for title in titles:
        made[str(title)] = [cells.get((row, title)) for row in rows]
    return made


def _numbers(columns: Table, options: Json) -> Table:
    wanted = {change["targetField"] for change in options["conversions"]}
    return {name: [float(str(cell)) for cell in cells] if name in wanted else cells for name, cells in columns.items()}


def _sorted(columns: Table, options: Json) -> Table:
    key = columns[options["sort"][0]["field"]]
    order = sorted(range(len(key)), key=lambda place: float(str(key[place])))
    return {name: [cells[place] for place in order] for name, cells in columns.items()}


def _organized(columns: Table, options: Json) -> Table:
    places: dict[str, int] = options["indexByName"]
    names = sorted((name for name in columns if name not in options["excludeByName"]),
                   key=lambda name: places.get(name, len(places)))  # fmt: skip
    return {options["renameByName"].get(name, name): columns[name] for name in names}


def _renamed(name: str, options: Json) -> str:
    return re.sub(options["regex"], re.sub(r"\$(\d)", r"\\\1", options["renamePattern"]), name)


def _short(columns: Table, options: Json) -> Table:
    return {_renamed(name, options): cells for name, cells in columns.items()}


def _same(columns: Table, options: Json) -> Table:
    return columns


_CHANGES: Mapping[str, Any] = {
    "groupingToMatrix": _matrix,
    "convertFieldType": _numbers,
    "sortBy": _sorted,
    "organize": _organized,
    "renameByRegex": _short,
    "merge": _same,  # the answers are merged as they are read
}
