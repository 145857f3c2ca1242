import json

import pytest

from deploy.monitoring.board import JOB, Annotation, Board, PanelRow, render
from deploy.monitoring.export import BOARDS
from deploy.monitoring.panels import Column, Query, bars, chart, curves, groups, number, rows
from deploy.monitoring.queries import last, newest, or_none, or_zero


def render_panels(*panels: object, annotations: tuple[Annotation, ...] = ()) -> dict:
    board = Board("uid", "Title", "About.", [PanelRow("", panels)], variables=(JOB,), annotations=annotations)  # type: ignore[arg-type]
    return json.loads(render(board))


def make_chart(title: str = "Speed", **options: object) -> object:
    return chart(title, "How fast.", "none", Query("up", "{{job}}"), width=12, **options)  # type: ignore[arg-type]


def test_panels_stand_side_by_side_and_are_numbered() -> None:
    panels = render_panels(make_chart("One"), make_chart("Two"), make_chart("Three"))["panels"]
    assert [(p["id"], p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels] == [(1, 0, 0), (2, 12, 0), (3, 0, 8)]


def test_annotations_are_shown_only_on_the_charts_that_they_name() -> None:
    annotation = Annotation("Phases", "changed", "blue", "{{phase}}", "{{job_id}}", charts=("Two",))
    (rendered,) = render_panels(make_chart("One"), make_chart("Two"), annotations=(annotation,))["annotations"]["list"]
    assert rendered["filter"] == {"exclude": False, "ids": [2]}
    assert rendered["target"]["expr"] == "changed"


def test_every_variable_begins_with_everything() -> None:
    (variable,) = render_panels(make_chart())["templating"]["list"]
    assert (variable["multi"], variable["includeAll"], variable["allValue"]) == (True, True, ".*")
    assert variable["query"]["query"] == "label_values(scriptorium_training_step, job_id)"


def test_limits_are_dashed_and_a_series_that_is_a_limit_is_red() -> None:
    (panel,) = render_panels(make_chart(limits=((None, "transparent"), (15, "red")), dashed="total"))["panels"]
    assert panel["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"] == {"mode": "dashed"}
    (override,) = panel["fieldConfig"]["overrides"]
    assert override["matcher"] == {"id": "byRegexp", "options": "/total/"}
    assert {"id": "color", "value": {"mode": "fixed", "fixedColor": "red"}} in override["properties"]


def test_curves_turn_a_label_into_an_axis() -> None:
    panel = curves(
        "L", "L.", "none", Query("x"), series="job_id", x_label="percent", x_title="done", width=24, height=9
    )
    (rendered,) = render_panels(panel)["panels"]
    assert rendered["type"] == "trend"
    assert rendered["targets"][0]["format"] == "table"
    ids = [change["id"] for change in rendered["transformations"]]
    assert ids == ["groupingToMatrix", "convertFieldType", "sortBy", "renameByRegex"]
    assert rendered["transformations"][1]["options"]["conversions"][0]["targetField"] == "percent\\job_id"


@pytest.mark.parametrize(("percent", "unit"), [(True, "percent"), (False, "none")])
def test_an_axis_ends_at_a_hundred_percent_or_where_its_numbers_end(percent: bool, unit: str) -> None:
    panel = curves("L", "L.", "none", Query("x"), series="a", x_label="b", x_title="b", width=24, percent=percent)
    (override,) = render_panels(panel)["panels"][0]["fieldConfig"]["overrides"]
    properties = {entry["id"]: entry["value"] for entry in override["properties"]}
    assert properties["unit"] == unit
    assert ("max" in properties) is percent


@pytest.mark.parametrize(("count", "value"), [(1, "Value"), (2, "Value #A")])
def test_a_table_names_its_columns_as_grafana_numbers_them(count: int, value: str) -> None:
    columns = [Column(f"c{position}", "x") for position in range(count)]
    (panel,) = render_panels(rows("T", "T.", *columns, key="job_id", key_title="run", width=24, height=8))["panels"]
    organize = panel["transformations"][-1]["options"]
    assert organize["renameByName"][value] == "c0"
    assert organize["renameByName"]["job_id"] == "run"
    assert organize["excludeByName"] == {"Time": True}


def test_numbers_and_bars_ask_for_the_last_value_and_groups_for_a_table() -> None:
    panels = render_panels(
        number("N", "N.", "none", Query("x"), width=4, names={1: ("up", "green")}),
        bars("B", "B.", "none", Query("x", "{{a}}"), width=4),
        groups("G", "G.", "s", Query("x"), column="a", row="b", colours={"one": "red"}, width=16, stacked=True),
    )["panels"]
    assert [panel["targets"][0]["instant"] for panel in panels] == [True, True, True]
    assert panels[0]["fieldConfig"]["defaults"]["mappings"][0]["options"]["1"]["text"] == "up"
    assert panels[2]["options"]["stacking"] == "normal"


def test_a_board_is_written_the_same_every_time() -> None:
    assert [render(board) for board in BOARDS] == [render(board) for board in BOARDS]


def test_queries_fall_back_where_nothing_is_there() -> None:
    assert or_zero("x") == "x or on() vector(0)"
    assert '"code", "none"' in or_none("x", "code")
    assert newest(last("m")).count("topk(1, ") == 1
