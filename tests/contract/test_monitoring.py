"""Boards, alerts, runbook and Prometheus' configuration agree with each other and with the metrics that exist."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from deploy.monitoring.alerts import ALERTS
from deploy.monitoring.export import BOARDS, render_files
from deploy.monitoring.live import data_panels, read_boards
from scriptorium import metrics

METRICS_BY_NAME = {metric.name: metric for metric in metrics.ALL_METRICS}
PANELS = [(board["title"], panel) for board in read_boards(gpu=True) for panel in data_panels(board)]
SELECTOR = re.compile(r"\b((?:scriptorium|vllm:|redis|flower|nvidia)[a-z0-9_:]*)(?:{([^}]*)})?")
PROMETHEUS_LABELS = {"job", "instance"}  # Prometheus' own labels
RUNBOOK_PARTS = ("**Means.**", "**Look at.**", "**Do.**")


def expressions() -> Iterator[str]:
    """Yield every PromQL expression of the boards, with their annotations, and of the alerts."""
    for board in read_boards(gpu=True):
        yield from (annotation["target"]["expr"] for annotation in board["annotations"].get("list", []))
        for panel in data_panels(board):
            yield from (target["expr"] for target in panel["targets"])
    yield from (alert.expr for alert in ALERTS)


def selectors() -> set[tuple[str, str]]:
    """Return every metric with its selector; task names, which match the pattern as well, are left out."""
    matches = {match.groups(default="") for expr in expressions() for match in SELECTOR.finditer(expr)}
    return {(name, selector) for name, selector in matches if "_" in name}


def test_the_committed_files_are_what_the_code_writes() -> None:
    rendered = render_files()
    assert {path: path.read_text("utf-8") for path in rendered} == rendered
    grafana = next(iter(rendered)).parents[1] / "grafana"
    assert set(grafana.glob("boards*/*.json")) == {path for path in rendered if path.suffix == ".json"}


def test_every_metric_that_is_queried_exists_with_its_labels() -> None:
    for name, selector in selectors():
        if name.startswith("scriptorium_"):
            metric = METRICS_BY_NAME[re.sub("_(bucket|sum|count)$", "", name)]
            queried = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))
            assert queried <= {*metric.labels, *PROMETHEUS_LABELS}, f"{name}: {queried - set(metric.labels)}"


def test_every_metric_of_ours_is_on_a_board_or_in_an_alert() -> None:
    queried = {re.sub("_(bucket|sum|count)$", "", name) for name, _ in selectors()}
    assert set(METRICS_BY_NAME) - queried == {"scriptorium_build_info"}


def test_every_vllm_metric_is_one_that_vllm_exports(project: Path) -> None:
    loggers = list(project.glob(".envs/vllm/lib/python*/site-packages/vllm/v1/metrics/loggers.py"))
    if not loggers:
        pytest.skip("vLLM's environment is not built here: `make setup` builds it")
    exported = set(re.findall(r'name="(vllm:\w+)"', loggers[0].read_text("utf-8")))
    queried = {name for name, _ in selectors() if name.startswith("vllm:")}
    assert len(queried) > 5
    assert {re.sub("_(bucket|total)$", "", name) for name in queried} <= exported


@pytest.mark.parametrize(("board", "panel"), PANELS, ids=[f"{board}-{panel['title']}" for board, panel in PANELS])
def test_every_panel_explains_itself(board: str, panel: dict) -> None:
    assert panel["title"]
    assert re.fullmatch(r"[A-Z].*[A-Za-z%)]\.", panel["description"]), f"{board}: one sentence"
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert panel["datasource"] == {"type": "prometheus", "uid": "prometheus"}
    for target in panel["targets"]:
        assert target.get("format") == "table" or "__auto" not in target["legendFormat"], "no legend"


def test_boards_fill_the_grid_without_overlap() -> None:
    for board in read_boards(gpu=True):
        occupied: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            grid = panel["gridPos"]
            cells = {
                (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
            }
            assert not cells & occupied
            occupied |= cells
        assert {x for x, _ in occupied} == set(range(24))
        assert len(occupied) == 24 * (1 + max(y for _, y in occupied)), f"{board['title']} has a hole"


def test_uids_are_stable_and_boards_refresh() -> None:
    boards = read_boards(gpu=True)
    assert sorted(board["uid"] for board in boards) == sorted(f"scriptorium-{board.title.lower()}" for board in BOARDS)
    assert {board["refresh"] for board in boards} == {"10s"}
    variables = {board["title"]: [variable["name"] for variable in board["templating"]["list"]] for board in boards}
    assert variables["Training"] == variables["System"] == variables["Voice"] == ["job_id", "host"]


def test_every_alert_is_in_the_runbook_and_nothing_else_is(project: Path) -> None:
    text = (project / "docs" / "runbook.md").read_text("utf-8")
    entries = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert [entry.split("\n")[0] for entry in entries] == [alert.name for alert in ALERTS]
    assert all(part in entry for entry in entries for part in RUNBOOK_PARTS)
    for alert in ALERTS:
        assert alert.runbook == f"docs/runbook.md#{alert.name.lower()}"


def test_every_alert_has_a_case_that_fires_and_one_that_does_not(project: Path) -> None:
    tests = yaml.safe_load((project / "deploy" / "prometheus" / "alerts.test.yml").read_text("utf-8"))["tests"]
    cases = [(case["alertname"], bool(case["exp_alerts"])) for test in tests for case in test["alert_rule_test"]]
    assert set(cases) == {(alert.name, fires) for alert in ALERTS for fires in (True, False)}


@pytest.fixture(scope="module")
def promtool(project: Path) -> str:
    """Prometheus' own checker."""
    tools = project / "build" / "tools"
    program = shutil.which("promtool") or shutil.which("promtool", path=tools / "usr" / "bin") or fetch_promtool(tools)
    if not program:
        pytest.skip("NOT CHECKED: promtool is not on the PATH, and Debian's package `prometheus` cannot be fetched")
    return program


def fetch_promtool(tools: Path) -> str | None:
    """Unpack Debian's package, which needs no rights."""
    tools.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(["apt-get", "-q", "download", "prometheus"], cwd=tools, check=True, capture_output=True)
        subprocess.run(["dpkg-deb", "-x", next(tools.glob("prometheus_*.deb")), tools], check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return shutil.which("promtool", path=tools / "usr" / "bin")


@pytest.mark.parametrize(
    "command",
    [("check", "config", "prometheus.yml"), ("check", "rules", "alerts.yml"), ("test", "rules", "alerts.test.yml")],
    ids=" ".join,
)
def test_prometheus_accepts_the_configuration_and_the_alerts_behave(
    command: tuple[str, ...], promtool: str, project: Path
) -> None:
    result = subprocess.run(
        [promtool, *command], cwd=project / "deploy" / "prometheus", capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_prometheus_scrapes_every_service(project: Path) -> None:
    config = yaml.safe_load((project / "deploy" / "prometheus" / "prometheus.yml").read_text("utf-8"))
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert set(jobs) == {"scriptorium", "vllm", "redis", "celery", "gpu", "prometheus"}
    assert config["global"]["scrape_interval"] == jobs["vllm"]["http_sd_configs"][0]["refresh_interval"] == "5s"
    assert "static_configs" not in jobs["gpu"], "a machine without a GPU would have a target that is down"


def test_grafana_is_given_the_boards_and_their_source(project: Path) -> None:
    provisioning = project / "deploy" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text("utf-8"))["datasources"]
    assert (source["uid"], source["url"]) == ("prometheus", "http://prometheus:9090")
    providers = yaml.safe_load((provisioning / "dashboards" / "boards.yaml").read_text("utf-8"))["providers"]
    paths = [provider["options"]["path"] for provider in providers]
    assert paths == ["/var/lib/grafana/boards", "/var/lib/grafana/boards-gpu"]


def test_the_guide_shows_every_board(project: Path) -> None:
    guide = (project / "docs" / "monitoring.md").read_text("utf-8")
    assert re.findall(r"^## (\w+)$", guide, re.MULTILINE) == [board.title for board in BOARDS]
    for picture in re.findall(r"\]\((boards/\w+\.png)\)", guide):
        assert (project / "docs" / picture).read_bytes().startswith(b"\x89PNG")


def test_nothing_of_a_test_is_left_in_a_board() -> None:
    assert all("localhost" not in json.dumps(board) for board in read_boards(gpu=True))
