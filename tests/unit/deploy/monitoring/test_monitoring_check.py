"""The check and the pictures, against a fake Prometheus."""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from deploy.monitoring import live
from deploy.monitoring.alerts import ALERTS
from deploy.monitoring.check import check
from deploy.monitoring.live import Prometheus, Series, TimeRange, fill_variables, query_target
from deploy.monitoring.picture.__main__ import draw
from deploy.monitoring.picture.frames import read_annotations, read_series, read_table

LABELS = {
    "job_id": "ftjob-0123456789abcdef",
    "percent": "5",
    "phase": "train",
    "series": "author mean",
    "state": "ready",
}
BOARD = {"title": "B", "templating": {"list": [{"name": "job_id", "allValue": ".*"}]}, "annotations": {}}


def fake_prometheus(answer: Callable[[str], list[float]], health: str = "ok") -> Prometheus:
    """Make a Prometheus whose every query returns one series with the values of `answer`."""

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/rules":
            rules = [{"name": alert.name, "health": health} for alert in ALERTS]
            return httpx.Response(200, json={"status": "success", "data": {"groups": [{"rules": rules}]}})
        params = {key: value[0] for key, value in parse_qs(request.content.decode()).items()}
        if "bad" in params["query"]:
            return httpx.Response(400, json={"status": "error", "error": "parse error"})
        values = answer(params["query"])
        series: dict = {"metric": LABELS}
        if "start" in params:
            series["values"] = [[float(params["start"]) + 5 * n, str(v)] for n, v in enumerate(values)]
        elif values:
            series["value"] = [float(params["time"]), str(values[-1])]
        return httpx.Response(200, json={"status": "success", "data": {"result": [series] if values else []}})

    return Prometheus("http://prometheus", httpx.MockTransport(handle))


def make_target(expr: str, **more: object) -> dict:
    return {"expr": expr, "legendFormat": "{{job_id}}", "refId": "A", **more}


TIME_RANGE = TimeRange(0, 3600, 5)


def test_everything_has_data_if_prometheus_has_it() -> None:
    outcome = check(fake_prometheus(lambda _: [1.0, 2.0]), gpu=True)
    assert outcome.complete
    assert outcome.panels_with_data == outcome.panels > 60
    assert str(outcome).endswith(f"alerts={len(ALERTS)}/{len(ALERTS)}")


@pytest.mark.parametrize("values", [[], [float("nan")]])
def test_nothing_and_not_a_number_are_no_data(values: list[float]) -> None:
    outcome = check(fake_prometheus(lambda _: values))
    assert outcome.panels_with_data == 0
    assert any(line.startswith("Training / Loss along the run / A: no data: ") for line in outcome.missing)


def test_a_rule_that_is_unhealthy_is_named() -> None:
    outcome = check(fake_prometheus(lambda _: [1.0], health="err"))
    assert outcome.alerts_valid == 0
    assert "alert NoHeartbeat: the rule is not healthy: " in outcome.missing[0]


def test_a_query_that_prometheus_refuses_is_named_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {**BOARD, "panels": [{"type": "stat", "title": "P", "targets": [make_target("bad")]}]}
    monkeypatch.setattr("deploy.monitoring.check.read_boards", lambda **_: [broken])
    outcome = check(fake_prometheus(lambda _: [1.0]))
    assert outcome.missing == ["B / P / A: parse error: bad"]


def test_variables_are_filled_in_as_grafana_does() -> None:
    query = make_target('rate(x{job_id=~"$job_id"}[$__rate_interval]) + y[$__range:$__interval]')
    assert fill_variables(query["expr"], BOARD, query, TIME_RANGE) == 'rate(x{job_id=~".*"}[20s]) + y[3600s:5s]'
    assert fill_variables("x[$__rate_interval]", BOARD, make_target("", interval="30s"), TIME_RANGE) == "x[120s]"
    assert fill_variables("x[$__rate_interval]", BOARD, make_target(""), TimeRange(0, 86400, 60)) == "x[65s]"


def test_an_instant_query_gives_one_number_and_a_range_query_many() -> None:
    client = fake_prometheus(lambda _: [1.0, float("inf"), 3.0])
    assert query_target(client, BOARD, make_target("x", instant=True), TIME_RANGE) == [Series(LABELS, [(3600.0, 3.0)])]
    assert query_target(client, BOARD, make_target("x"), TIME_RANGE) == [Series(LABELS, [(0.0, 1.0), (10.0, 3.0)])]


def test_legends_are_filled_in_and_shortened() -> None:
    short = {"id": "renameByRegex", "options": {"regex": r"ftjob-(\w{6})\w*(.*)", "renamePattern": "$1$2"}}
    panel = {"targets": [make_target("x", legendFormat="{{job_id}} dev")], "transformations": [short]}
    assert [line.name for line in read_series(fake_prometheus(lambda _: [1.0]), BOARD, panel, TIME_RANGE)] == [
        "012345 dev"
    ]


def test_a_matrix_has_a_row_and_a_column_for_each_label() -> None:
    matrix = {"columnField": "job_id", "rowField": "percent", "valueField": "Value", "emptyValue": "null"}
    numbers = {"conversions": [{"targetField": "percent\\job_id", "destinationType": "number"}]}
    changes = [{"id": "groupingToMatrix", "options": matrix}, {"id": "convertFieldType", "options": numbers}]
    panel = {"targets": [make_target("x", instant=True)], "transformations": changes}
    rows = read_table(fake_prometheus(lambda _: [2.5]), BOARD, panel, TIME_RANGE)
    assert rows == {"percent\\job_id": [5.0], LABELS["job_id"]: [2.5]}


def test_only_the_first_of_neighbouring_points_is_an_annotation() -> None:
    annotation = {"filter": {"ids": [1]}, "target": make_target("x"), "iconColor": "blue"}
    board = {**BOARD, "annotations": {"list": [annotation]}}
    client = fake_prometheus(lambda _: [1.0, 1.0, 0.0])
    assert read_annotations(client, board, {"id": 1}, TIME_RANGE) == [(0.0, "blue")]
    assert read_annotations(client, board, {"id": 2}, TIME_RANGE) == []


@pytest.mark.parametrize("values", [[1.0, 2.0, 1.5], []])
def test_every_board_can_be_drawn_with_data_and_without(values: list[float], tmp_path: Path) -> None:
    board = next(board for board in live.read_boards(gpu=True) if board["title"] == "Training")
    figure = draw(fake_prometheus(lambda _: values), board, TIME_RANGE).figure
    figure.savefig(tmp_path / "board.png")
    assert (tmp_path / "board.png").stat().st_size > 10_000
    texts = [text.get_text() for text in figure.texts]
    assert {panel["title"] for panel in board["panels"] if panel["type"] != "row"} <= set(texts)
    assert ("no run yet" in texts) is not bool(values)


def test_the_exported_boards_are_read_from_their_folders() -> None:
    assert [board["title"] for board in live.read_boards()] == ["Serving", "System", "Training", "Voice"]
    assert [board["title"] for board in live.read_boards(gpu=True)][-1] == "GPU"
    assert all(json.dumps(board) for board in live.read_boards())


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "http://[bad"])
def test_an_address_without_a_prometheus_ends_with_a_sentence(address: str) -> None:
    with pytest.raises(SystemExit, match="No Prometheus answers at"):
        Prometheus.connect(address)
