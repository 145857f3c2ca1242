"""What panels of several kinds are made of: legends, colours, value names, and transformations of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deploy.monitoring.sdk import common, common_models, dashboard, models


def names(names: Mapping[int, tuple[str, str]]) -> list[models.ValueMapping]:
    """What numbers stand for, and the colours of that."""
    results = {
        str(value): models.ValueMappingResult(text=text, color=colour, index=place)
        for place, (value, (text, colour)) in enumerate(names.items())
    }
    return [models.ValueMap(options=results)] if results else []


def matrix(column: str, row: str) -> list[models.DataTransformerConfig]:
    """A table with a row and a column for each value of two labels."""
    options = {"columnField": column, "rowField": row, "valueField": "Value", "emptyValue": "null"}
    return [models.DataTransformerConfig("groupingToMatrix", options=options)]


def ascending(field: str) -> list[models.DataTransformerConfig]:
    """Labels are text: make a field of them numbers, in ascending order."""
    convert = {"conversions": [{"targetField": field, "destinationType": "number"}], "fields": {}}
    order = {"fields": {}, "sort": [{"field": field, "desc": False}]}
    return [
        models.DataTransformerConfig("convertFieldType", options=convert),
        models.DataTransformerConfig("sortBy", options=order),
    ]


def organize(
    order: Mapping[str, int], names: Mapping[str, str], hidden: Sequence[str] = ()
) -> models.DataTransformerConfig:
    """The order of a table's columns, their names, and which are hidden."""
    options = {"indexByName": order, "renameByName": names, "excludeByName": dict.fromkeys(hidden, True)}
    return models.DataTransformerConfig("organize", options=options)


def short_names() -> models.DataTransformerConfig:
    """In a legend six letters of a job's id are enough; tables have all of it."""
    return models.DataTransformerConfig(
        "renameByRegex", options={"regex": r"ftjob-(\w{6})\w*(.*)", "renamePattern": "$1$2"}
    )


def limit_line() -> list[models.DynamicConfigValue]:
    """How a series looks that is itself a limit."""
    return [
        models.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}),
        models.DynamicConfigValue("custom.fillOpacity", 0),
        fixed("red"),
    ]


def fixed(colour: str) -> models.DynamicConfigValue:
    """One colour for a series."""
    return models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})


def palette() -> dashboard.FieldColor:
    """A colour for each series."""
    return dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC)


def last_value() -> common.ReduceDataOptions:
    """Of each series the newest number."""
    return common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)


def legend() -> common.VizLegendOptions:
    """The names of the series, below."""
    legend = common.VizLegendOptions().display_mode(common_models.LegendDisplayMode.LIST).calcs([])
    return legend.placement(common_models.LegendPlacement.BOTTOM).show_legend(True)


def no_legend() -> common.VizLegendOptions:
    """No names."""
    return legend().show_legend(False)


def tooltip() -> common.VizTooltipOptions:
    """Every series where the pointer is, the largest first."""
    tooltip = common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI)
    return tooltip.sort(common_models.SortOrder.DESCENDING)
