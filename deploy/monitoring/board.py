"""A board: its variables, its events, its rows of panels; `render` writes it as Grafana's JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from deploy.monitoring.panels import SOURCE, Panel
from deploy.monitoring.sdk import JSONEncoder, dashboard, models, prometheus


@dataclass(frozen=True)
class Variable:
    """A choice above the board: the values of a label, several at once, all of them to begin with."""

    name: str
    title: str
    about: str
    metric: str
    label: str


@dataclass(frozen=True)
class Event:
    """A mark on the charts with the titles `on`: where the expression has a value above zero."""

    name: str
    expr: str
    colour: str
    title: str
    text: str
    on: Sequence[str]


@dataclass(frozen=True)
class Row:
    """Panels side by side under a heading; the first row of a board has none."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Board:
    """A whole board; its `uid` never changes, because links point to it."""

    uid: str
    title: str
    about: str
    rows: Sequence[Row]
    variables: Sequence[Variable] = ()
    events: Sequence[Event] = ()
    gpu: bool = False


JOB = Variable("job_id", "Run", "Which fine-tuning jobs to show.", "scriptorium_training_step", "job_id")
HOST = Variable("host", "Machine", "Which machines' work to show.", "scriptorium_phase_running", "host")


UNKNOWN = {"footer", "auto", "auto_min", "auto_count"}


def render(board: Board) -> str:
    """Write a board as JSON, the same for the same board."""
    builder = dashboard.Dashboard(board.title).uid(board.uid).description(board.about).tags(["scriptorium"])
    builder = builder.readonly().refresh("10s").time("now-1h", "now").timezone("browser")
    builder = builder.tooltip(models.DashboardCursorSync.CROSSHAIR).link(_others())
    for variable in board.variables:
        builder = builder.with_variable(_variable(variable))
    for row in board.rows:
        builder = builder.with_row(dashboard.Row(row.title)) if row.title else builder
        for panel in row.panels:
            builder = builder.with_panel(panel)
    numbers = _number(builder.build().panels or [])
    for event in board.events:
        builder = builder.annotation(_event(event, [numbers[title] for title in event.on]))
    made = json.loads(JSONEncoder().encode(builder.build()), object_hook=_known)
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _known(part: dict[str, object]) -> dict[str, object]:
    """Leave out what the builders add by themselves: what Grafana's schema does not know, and that links are hidden."""
    return {key: value for key, value in part.items() if key not in UNKNOWN and value != "inControlsMenu"}


def _number(panels: Sequence[models.Panel | models.RowPanel]) -> dict[str, int]:
    """Number the panels in their order; a heading counts, too."""
    for place, panel in enumerate(panels, start=1):
        panel.id_val = place
    return {panel.title: place for place, panel in enumerate(panels, start=1) if panel.title}


def _variable(variable: Variable) -> dashboard.QueryVariable:
    query = f"label_values({variable.metric}, {variable.label})"
    builder = dashboard.QueryVariable(variable.name).label(variable.title).description(variable.about)
    builder = builder.query(
        {"query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery", "qryType": 1}
    ).datasource(SOURCE)
    builder = (
        builder.multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )
    builder = builder.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    return builder.sort(models.VariableSort.ALPHABETICAL_ASC)


def _event(event: Event, panels: list[int]) -> dashboard.AnnotationQuery:
    target = prometheus.Dataquery().expr(event.expr).ref_id("Anno").interval("5s").datasource(SOURCE).range()
    builder = dashboard.AnnotationQuery().name(event.name).datasource(SOURCE).enable(True).icon_color(event.colour)
    builder = builder.filter(dashboard.AnnotationPanelFilter().ids(panels).exclude(False))
    return builder.target(target).title_format(event.title).text_format(event.text)


def _others() -> dashboard.DashboardLink:
    link = dashboard.DashboardLink("Boards").type(models.DashboardLinkType.DASHBOARDS).tags(["scriptorium"])
    return link.include_vars(True).keep_time(True).as_dropdown(False).icon("").tooltip("").target_blank(False)
