"""The parts that panels of several kinds share: legends, colours, value mappings and transformations of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deploy.monitoring.sdk import common, common_models, dashboard, models


def value_mappings(names: Mapping[int, tuple[str, str]]) -> list[models.ValueMapping]:
    """Map numbers to texts and colours."""
    results = {
        str(value): models.ValueMappingResult(text=text, color=colour, index=position)
        for position, (value, (text, colour)) in enumerate(names.items())
    }
    return [models.ValueMap(options=results)] if results else []


def pivot(column: str, row: str) -> list[models.DataTransformerConfig]:
    """Transform a table so that it has a row and a column for each value of two labels."""
    options = {"columnField": column, "rowField": row, "valueField": "Value", "emptyValue": "null"}
    return [models.DataTransformerConfig("groupingToMatrix", options=options)]


def sort_by_number(field: str) -> list[models.DataTransformerConfig]:
    """Convert a field of labels, which are text, to numbers, and sort by it in ascending order."""
    convert = {"conversions": [{"targetField": field, "destinationType": "number"}], "fields": {}}
    order = {"fields": {}, "sort": [{"field": field, "desc": False}]}
    return [
        models.DataTransformerConfig("convertFieldType", options=convert),
        models.DataTransformerConfig("sortBy", options=order),
    ]


def organize(
    order: Mapping[str, int], names: Mapping[str, str], hidden: Sequence[str] = ()
) -> models.DataTransformerConfig:
    """Order, rename and hide the columns of a table."""
    options = {"indexByName": order, "renameByName": names, "excludeByName": dict.fromkeys(hidden, True)}
    return models.DataTransformerConfig("organize", options=options)


def shorten_job_ids() -> models.DataTransformerConfig:
    """Shorten the job ids of a legend to six letters; tables keep them complete."""
    return models.DataTransformerConfig(
        "renameByRegex", options={"regex": r"ftjob-(\w{6})\w*(.*)", "renamePattern": "$1$2"}
    )


def limit_style() -> list[models.DynamicConfigValue]:
    """Return the style of a series that is itself a limit."""
    return [
        models.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}),
        models.DynamicConfigValue("custom.fillOpacity", 0),
        fixed_colour("red"),
    ]


def fixed_colour(colour: str) -> models.DynamicConfigValue:
    """Give a series a fixed colour."""
    return models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})


def series_palette() -> dashboard.FieldColor:
    """Give each series a colour of its own."""
    return dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC)


def last_value() -> common.ReduceDataOptions:
    """Reduce each series to its newest number."""
    return common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)


def legend() -> common.VizLegendOptions:
    """Show the names of the series below the chart."""
    legend = common.VizLegendOptions().display_mode(common_models.LegendDisplayMode.LIST).calcs([])
    return legend.placement(common_models.LegendPlacement.BOTTOM).show_legend(True)


def no_legend() -> common.VizLegendOptions:
    """Show no names."""
    return legend().show_legend(False)


def tooltip() -> common.VizTooltipOptions:
    """Show every series at the pointer, the largest first."""
    tooltip = common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI)
    return tooltip.sort(common_models.SortOrder.DESCENDING)
