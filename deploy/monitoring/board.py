"""A board: its variables, its annotations and its rows of panels; `render` writes it as Grafana's JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from deploy.monitoring.panels import DATA_SOURCE, Panel
from deploy.monitoring.sdk import JSONEncoder, dashboard, models, prometheus


@dataclass(frozen=True)
class Variable:
    """A selection above the board: the values of a label, several at once, initially all of them."""

    name: str
    title: str
    description: str
    metric: str
    label: str


@dataclass(frozen=True)
class Annotation:
    """A mark on the charts with the titles `charts`, at the times at which the expression is above zero."""

    name: str
    expr: str
    colour: str
    title: str
    text: str
    charts: Sequence[str]


@dataclass(frozen=True)
class PanelRow:
    """Panels side by side under a heading; the first row of a board has none."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Board:
    """A board; its `uid` never changes, because links point to it."""

    uid: str
    title: str
    description: str
    rows: Sequence[PanelRow]
    variables: Sequence[Variable] = ()
    annotations: Sequence[Annotation] = ()
    gpu: bool = False


JOB = Variable("job_id", "Run", "Which fine-tuning jobs to show.", "scriptorium_training_step", "job_id")
HOST = Variable("host", "Machine", "Which machines' work to show.", "scriptorium_phase_running", "host")

UNSUPPORTED_KEYS = {"footer", "auto", "auto_min", "auto_count"}  # written by the builders, unknown to Grafana's schema


def render(board: Board) -> str:
    """Render a board as JSON, the same for the same board."""
    builder = dashboard.Dashboard(board.title).uid(board.uid).description(board.description).tags(["scriptorium"])
    builder = builder.readonly().refresh("10s").time("now-1h", "now").timezone("browser")
    builder = builder.tooltip(models.DashboardCursorSync.CROSSHAIR).link(_link_to_boards())
    for variable in board.variables:
        builder = builder.with_variable(_build_variable(variable))
    for row in board.rows:
        builder = builder.with_row(dashboard.Row(row.title)) if row.title else builder
        for panel in row.panels:
            builder = builder.with_panel(panel)
    ids = _number_panels(builder.build().panels or [])
    for annotation in board.annotations:
        builder = builder.annotation(_build_annotation(annotation, [ids[title] for title in annotation.charts]))
    board_json = json.loads(JSONEncoder().encode(builder.build()), object_hook=_drop_unsupported)
    return json.dumps(board_json, indent=2, ensure_ascii=False) + "\n"


def _drop_unsupported(part: dict[str, object]) -> dict[str, object]:
    """Drop what the builders add on their own: keys that Grafana's schema does not know, and that links are hidden."""
    return {key: value for key, value in part.items() if key not in UNSUPPORTED_KEYS and value != "inControlsMenu"}


def _number_panels(panels: Sequence[models.Panel | models.RowPanel]) -> dict[str, int]:
    """Set the ids of panels and headings to their positions, and return them by title."""
    for position, panel in enumerate(panels, start=1):
        panel.id_val = position
    return {panel.title: position for position, panel in enumerate(panels, start=1) if panel.title}


def _build_variable(variable: Variable) -> dashboard.QueryVariable:
    query = f"label_values({variable.metric}, {variable.label})"
    builder = dashboard.QueryVariable(variable.name).label(variable.title).description(variable.description)
    builder = builder.query(
        {"query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery", "qryType": 1}
    ).datasource(DATA_SOURCE)
    builder = (
        builder.multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )
    builder = builder.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    return builder.sort(models.VariableSort.ALPHABETICAL_ASC)


def _build_annotation(annotation: Annotation, panel_ids: list[int]) -> dashboard.AnnotationQuery:
    target = prometheus.Dataquery().expr(annotation.expr).ref_id("Anno").interval("5s").datasource(DATA_SOURCE).range()
    builder = dashboard.AnnotationQuery().name(annotation.name).datasource(DATA_SOURCE).enable(True)
    builder = builder.icon_color(annotation.colour)
    builder = builder.filter(dashboard.AnnotationPanelFilter().ids(panel_ids).exclude(False))
    return builder.target(target).title_format(annotation.title).text_format(annotation.text)


def _link_to_boards() -> dashboard.DashboardLink:
    link = dashboard.DashboardLink("Boards").type(models.DashboardLinkType.DASHBOARDS).tags(["scriptorium"])
    return link.include_vars(True).keep_time(True).as_dropdown(False).icon("").tooltip("").target_blank(False)
