"""Panels in our style: one function per kind. Widths and heights are in Grafana's grid of 24 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

from deploy.monitoring import parts
from deploy.monitoring.sdk import (
    Builder,
    PromQueryFormat,
    barchart,
    bargauge,
    common,
    common_models,
    dashboard,
    models,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
    trend,
)

DATA_SOURCE = common_models.DataSourceRef(type_val="prometheus", uid="prometheus")
Panel = Builder[models.Panel]
Step = tuple[float | None, str]  # from this value on, this colour; None is the beginning
BLUE_STEPS: tuple[Step, ...] = ((None, "blue"),)
GREEN_STEPS: tuple[Step, ...] = ((None, "green"),)


@dataclass(frozen=True)
class Query:
    """PromQL with its legend. `interval` sets coarser steps, so that a rate is taken over four times as long."""

    expr: str
    legend: str = ""
    interval: str = ""


class _PanelBuilder(Protocol):
    """The methods that the builders of all kinds of panel share."""

    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def unit(self, unit: str) -> Self: ...
    def span(self, w: int) -> Self: ...
    def height(self, h: int) -> Self: ...
    def datasource(self, datasource: common_models.DataSourceRef) -> Self: ...
    def thresholds(self, thresholds: Builder[models.ThresholdsConfig]) -> Self: ...
    def color_scheme(self, color: Builder[models.FieldColor]) -> Self: ...
    def mappings(self, mappings: list[models.ValueMapping]) -> Self: ...
    def with_target(self, target: prometheus.Dataquery) -> Self: ...


_B = TypeVar("_B", bound=_PanelBuilder)


def number(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int,
    steps: Sequence[Step] = BLUE_STEPS,
    names: Mapping[int, tuple[str, str]] | None = None,
    decimals: int | None = None,
    text_mode: common_models.BigValueTextMode = common_models.BigValueTextMode.AUTO,
    no_value: str = "none yet",
) -> Panel:
    """Show one big number, or the name of the series."""
    panel = _begin_panel(stat.Panel(), title, description, unit, width=width, height=4, steps=steps)
    panel = (
        panel.mappings(parts.value_mappings(names or {}))
        .no_value(no_value)
        .text_mode(text_mode)
        .reduce_options(parts.last_value())
    )
    panel = panel.graph_mode(common_models.BigValueGraphMode.NONE).color_mode(common_models.BigValueColorMode.VALUE)
    panel = panel.justify_mode(common_models.BigValueJustifyMode.AUTO).show_percent_change(False).wide_layout(True)
    panel = panel.orientation(common_models.VizOrientation.AUTO)
    panel = panel.percent_change_color_mode(common_models.PercentChangeColorMode.STANDARD)
    return _add_queries(panel if decimals is None else panel.decimals(decimals), queries, instant=True)


def name(title: str, description: str, query: Query, *, width: int, no_value: str) -> Panel:
    """Show the name of the only series, which is its legend."""
    return number(
        title, description, "none", query, width=width, text_mode=common_models.BigValueTextMode.NAME, no_value=no_value
    )


def chart(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int,
    height: int = 8,
    low: float | None = None,
    high: float | None = None,
    limits: Sequence[Step] = (),
    stacked: bool = False,
    stepped: bool = False,
    dashed: str = "",
    colours: Mapping[str, str] | None = None,
    decimals: int | None = None,
) -> Panel:
    """Draw numbers over time.

    `limits` are drawn as dashed lines; `dashed` matches a series that is itself a limit; `colours` gives the series
    that match a pattern a colour of their own.
    """
    panel = _begin_panel(
        timeseries.Panel(), title, description, unit, width=width, height=height, steps=limits or BLUE_STEPS
    )
    panel = panel.color_scheme(parts.series_palette()).legend(parts.legend()).tooltip(parts.tooltip()).line_width(2)
    panel = panel.transformations([parts.shorten_job_ids()])
    panel = (
        panel.fill_opacity(40 if stacked else 8 if low is not None else 0)
        .span_nulls(False)
        .show_points(common_models.VisibilityMode.AUTO)
    )
    panel = panel.point_size(5)
    if low is not None:
        panel = panel.min(low)
    if high is not None:
        panel = panel.max(high)
    if decimals is not None:
        panel = panel.decimals(decimals)
    if limits:
        style = common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds_style(style)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A"))
    if stepped:
        panel = panel.line_interpolation(common_models.LineInterpolation.STEP_AFTER)
    if dashed:
        panel = panel.override_by_regexp(f"/{dashed}/", parts.limit_style())
    for pattern, colour in (colours or {}).items():
        panel = panel.override_by_regexp(f"/{pattern}/", [parts.fixed_colour(colour)])
    return _add_queries(panel, queries, instant=False)


def curves(
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    series: str,
    x_label: str,
    x_title: str,
    width: int,
    height: int = 8,
    percent: bool = False,
    decimals: int = 2,
    x_decimals: int = 0,
) -> Panel:
    """Draw one line per `series` along a label that holds a number, so that runs of different times share one axis.

    With `percent` the axis ends at 100.
    """
    panel = _begin_panel(trend.Panel(), title, description, unit, width=width, height=height).color_scheme(
        parts.series_palette()
    )
    panel = panel.legend(parts.legend()).tooltip(parts.tooltip()).line_width(3).fill_opacity(0).span_nulls(True)
    panel = panel.line_interpolation(common_models.LineInterpolation.SMOOTH).decimals(decimals)
    panel = panel.show_points(common_models.VisibilityMode.ALWAYS).point_size(5)
    axis = f"{x_label}\\{series}"
    panel = panel.override_by_name(
        axis,
        [
            models.DynamicConfigValue("unit", "percent" if percent else "none"),
            models.DynamicConfigValue("decimals", x_decimals),
            models.DynamicConfigValue("custom.axisLabel", x_title),
            *([models.DynamicConfigValue("max", 100)] if percent else []),
        ],
    )
    changes = [*parts.pivot(column=series, row=x_label), *parts.sort_by_number(axis), parts.shorten_job_ids()]
    return _add_queries(panel.transformations(changes), [query], instant=True, as_table=True)


def timeline(
    title: str, description: str, *queries: Query, names: Mapping[int, tuple[str, str]], width: int, height: int
) -> Panel:
    """Draw the state of each series as coloured bars over time."""
    panel = _begin_panel(statetimeline.Panel(), title, description, "none", width=width, height=height).mappings(
        parts.value_mappings(names)
    )
    panel = panel.legend(parts.legend()).tooltip(parts.tooltip()).merge_values(True).row_height(0.8).line_width(0)
    panel = panel.show_value(common_models.VisibilityMode.AUTO).fill_opacity(85)
    panel = panel.align_value(common_models.TimelineValueAlignment.CENTER).transformations([parts.shorten_job_ids()])
    return _add_queries(panel, queries, instant=False)


def bars(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int,
    height: int = 8,
    steps: Sequence[Step] = BLUE_STEPS,
    decimals: int | None = None,
) -> Panel:
    """Draw one horizontal bar per series, with its number beside it."""
    panel = _begin_panel(bargauge.Panel(), title, description, unit, width=width, height=height, steps=steps)
    panel = panel.min(0).reduce_options(parts.last_value())
    panel = panel.display_mode(common_models.BarGaugeDisplayMode.BASIC).show_unfilled(True)
    panel = panel.value_mode(common_models.BarGaugeValueMode.COLOR).orientation(common_models.VizOrientation.HORIZONTAL)
    panel = panel.name_placement(common_models.BarGaugeNamePlacement.LEFT).sizing(common_models.BarGaugeSizing.AUTO)
    panel = panel.min_viz_height(16).min_viz_width(8).max_viz_height(36).legend(parts.no_legend())
    panel = panel.transformations([parts.shorten_job_ids()])
    return _add_queries(panel if decimals is None else panel.decimals(decimals), queries, instant=True)


def groups(
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    column: str,
    row: str,
    colours: Mapping[str, str],
    width: int,
    height: int = 8,
    stacked: bool = False,
) -> Panel:
    """Draw a group of bars per `row`: one bar, or one part of the bar, per `column`, in the order of the colours."""
    panel = (
        _begin_panel(barchart.Panel(), title, description, unit, width=width, height=height)
        .legend(parts.legend())
        .tooltip(parts.tooltip())
    )
    orientation = common_models.VizOrientation.HORIZONTAL if stacked else common_models.VizOrientation.VERTICAL
    panel = panel.orientation(orientation).group_width(0.75).bar_width(0.92).fill_opacity(85).line_width(0)
    panel = panel.stacking(common_models.StackingMode.NORMAL if stacked else common_models.StackingMode.NONE)
    panel = panel.show_value(common_models.VisibilityMode.NEVER if stacked else common_models.VisibilityMode.AUTO)
    panel = panel.x_tick_label_rotation(0).x_tick_label_max_length(12).full_highlight(False).decimals(1)
    for series, colour in colours.items():
        panel = panel.override_by_name(series, [parts.fixed_colour(colour)])
    order = {f"{row}\\{column}": 0, **{series: position for position, series in enumerate(colours, start=1)}}
    changes = [*parts.pivot(column=column, row=row), parts.organize(order, {f"{row}\\{column}": "run"})]
    return _add_queries(panel.transformations(changes), [query], instant=True, as_table=True)


@dataclass(frozen=True)
class Column:
    """A column of a table: its title, the query of its numbers, and their format."""

    title: str
    expr: str
    unit: str = "none"
    decimals: int | None = None


def rows(title: str, description: str, *columns: Column, key: str, key_title: str, width: int, height: int) -> Panel:
    """Show a table with one row per value of the label `key`."""
    panel = _begin_panel(table.Panel(), title, description, "none", width=width, height=height).show_header(True)
    panel = panel.cell_height(common_models.TableCellHeight.SM).min_width(64)
    letters = [chr(ord("A") + position) for position in range(len(columns))]
    values = ["Value"] if len(columns) == 1 else [f"Value #{letter}" for letter in letters]
    order = {key: 0, **{value: position for position, value in enumerate(values, start=1)}}
    names = {key: key_title, **{value: column.title for value, column in zip(values, columns, strict=True)}}
    panel = panel.override_by_name(key_title, [models.DynamicConfigValue("custom.minWidth", 240)])
    for column in columns:
        properties = [models.DynamicConfigValue("unit", column.unit)]
        if column.decimals is not None:
            properties.append(models.DynamicConfigValue("decimals", column.decimals))
        panel = panel.override_by_name(column.title, properties)
    changes = [models.DataTransformerConfig("merge", options={}), parts.organize(order, names, hidden=("Time",))]
    queries = [Query(column.expr) for column in columns]
    return _add_queries(panel.transformations(changes), queries, instant=True, as_table=True)


def matrix(
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    column: str,
    row: str,
    order: Sequence[str],
    steps: Sequence[Step],
    width: int,
    height: int = 8,
) -> Panel:
    """Show a table with a coloured cell for each pair of values of two labels."""
    panel = _begin_panel(table.Panel(), title, description, unit, width=width, height=height, steps=steps).show_header(
        True
    )
    panel = (
        panel.cell_height(common_models.TableCellHeight.SM)
        .min_width(64)
        .cell_options(common_models.TableColorTextCellOptions())
    )
    column_order = {f"{row}\\{column}": 0, **{name: position for position, name in enumerate(order, start=1)}}
    panel = panel.override_by_name("run", [models.DynamicConfigValue("custom.minWidth", 240)])
    changes = [*parts.pivot(column=column, row=row), parts.organize(column_order, {f"{row}\\{column}": "run"})]
    return _add_queries(panel.transformations(changes), [query], instant=True, as_table=True)


def _begin_panel(
    panel: _B, title: str, description: str, unit: str, *, width: int, height: int, steps: Sequence[Step] = BLUE_STEPS
) -> _B:
    panel = panel.title(title).description(description).unit(unit).span(width).height(height).datasource(DATA_SOURCE)
    threshold_steps = [models.Threshold(value=value, color=colour) for value, colour in steps]
    thresholds = dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(threshold_steps)
    return panel.thresholds(thresholds).color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))


def _add_queries(panel: _B, queries: Sequence[Query], *, instant: bool, as_table: bool = False) -> _B:
    for position, query in enumerate(queries):
        target = prometheus.Dataquery().expr(query.expr).ref_id(chr(ord("A") + position)).datasource(DATA_SOURCE)
        target = target.instant() if instant else target.range()
        target = target.legend_format(query.legend or "__auto")
        if as_table:
            target = target.format(PromQueryFormat.TABLE)
        panel = panel.with_target(target.interval(query.interval) if query.interval else target)
    return panel
