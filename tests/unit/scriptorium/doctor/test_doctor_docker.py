from dataclasses import replace

import pytest
from doctor_machine import MOUNTS, WSL_RELEASE, FakeProbe, container, docker_info, run_check, subject

from scriptorium.doctor.check import Check
from scriptorium.doctor.docker import as_choice, check_builder, check_compose, check_engine
from scriptorium.doctor.probe import CommandOutput

DENIED = (
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: "
    'Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.51/info": dial unix /var/run/docker.sock: connect: permission denied'
)
DOWN = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
NVIDIA = {"nvidia": {"path": "nvidia-container-runtime"}, "runc": {"path": "runc"}}


def host(info: CommandOutput | str | None, *programs: str, **more: object) -> FakeProbe:
    return FakeProbe(programs=["docker", *programs], answers={"docker info": info}, **more)  # type: ignore[arg-type]


def test_a_new_engine_with_the_toolkit_passes() -> None:
    probe = host(docker_info(Runtimes=NVIDIA), "nvidia-smi", files={"/var/lib/docker/x": ""})
    findings = run_check(check_engine, subject(probe))
    assert {finding.status for finding in findings.values()} == {"ok"}
    assert findings["Docker engine"].seen == "28.5.1 (Ubuntu 24.04.3 LTS)"
    assert findings["Docker's data"].seen == "/var/lib/docker: 500 GB free"


def test_an_engine_that_refuses_this_user_is_distinguished_from_one_that_is_down() -> None:
    for refusal in (
        CommandOutput(1, "", DENIED),
        CommandOutput(0, '{"ID":"","ServerErrors":["' + DENIED.replace('"', "") + '"]}'),
    ):
        finding = run_check(check_engine, subject(host(refusal)))["Docker engine"]
        assert (finding.status, "usermod -aG docker" in finding.fix) == ("fail", True)
    down = run_check(check_engine, subject(host(CommandOutput(1, "", DOWN))))["Docker engine"]
    assert (down.status, "Cannot connect" in down.seen, "systemctl" in down.fix) == ("fail", True, True)
    wsl = host(CommandOutput(1, "", DOWN), files={"/proc/sys/kernel/osrelease": WSL_RELEASE})
    assert "WSL integration" in run_check(check_engine, subject(wsl))["Docker engine"].fix


@pytest.mark.parametrize(
    ("version", "status", "words"),
    [("19.03.15", "fail", "20.10 or newer"), ("20.10.24+dfsg1", "ok", "DOCKER_BUILDKIT=1"), ("29.0.1", "ok", "29.0.1")],
)
def test_engine_versions(version: str, status: str, words: str) -> None:
    finding = run_check(check_engine, subject(host(docker_info(ServerVersion=version))))["Docker engine"]
    assert (finding.status, words in finding.seen) == (status, True)


def test_without_docker_the_local_stack_is_named_and_nothing_fails() -> None:
    finding = run_check(check_engine, subject(FakeProbe()))["Docker engine"]
    assert (finding.status, "scriptorium up" in finding.seen) == ("warn", True)
    assert run_check(check_compose, subject(FakeProbe()))["Docker Compose"].status == "skipped"


@pytest.mark.parametrize("check", [check_engine, check_compose])
def test_a_broken_docker_is_a_failure_only_for_containers(check: Check) -> None:
    probe = host(CommandOutput(1, "", DOWN))
    [finding] = as_choice(check)(subject(probe))
    assert (finding.status, finding.seen.endswith("`scriptorium up` needs no Docker")) == ("warn", True)
    [finding] = as_choice(check)(replace(subject(probe), docker=True))
    assert finding.status == "fail"


def test_docker_is_not_checked_inside_a_container() -> None:
    probe = container("api", programs=["docker"])
    assert run_check(check_engine, subject(probe, "api"))["Docker engine"].status == "skipped"
    assert run_check(check_compose, subject(probe, "api"))["Docker Compose"].status == "skipped"


def test_a_gpu_without_the_toolkit_fails_with_the_commands() -> None:
    finding = run_check(check_engine, subject(host(docker_info(), "nvidia-smi")))["NVIDIA Container Toolkit"]
    assert finding.status == "fail"
    assert "apt-get install -y nvidia-container-toolkit" in finding.fix
    assert "nvidia-ctk runtime configure --runtime=docker" in finding.fix
    unconfigured = run_check(check_engine, subject(host(docker_info(), "nvidia-smi", "nvidia-ctk")))[
        "NVIDIA Container Toolkit"
    ]
    assert (unconfigured.status, "install" in unconfigured.fix) == ("fail", False)


def test_the_gpu_may_come_by_cdi_or_from_docker_desktop() -> None:
    for changes in (
        {"DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}]},
        {"OperatingSystem": "Docker Desktop"},
    ):
        finding = run_check(check_engine, subject(host(docker_info(**changes), "nvidia-smi")))[
            "NVIDIA Container Toolkit"
        ]
        assert finding.status == "ok"
    without = run_check(check_engine, subject(host(docker_info())))["NVIDIA Container Toolkit"]
    assert without.status == "skipped"


def test_dockers_folder_must_not_be_on_a_windows_drive_and_needs_space() -> None:
    root = "/mnt/c/docker"
    on_windows = host(docker_info(DockerRootDir=root), files={"/proc/self/mounts": MOUNTS, f"{root}/x": ""})
    assert run_check(check_engine, subject(on_windows))["Docker's data"].status == "fail"
    full = host(docker_info(), files={"/var/lib/docker/x": ""}, free=20 * 10**9)
    assert run_check(check_engine, subject(full))["Docker's data"].status == "warn"


def compose(plugin: str, program: str, **environ: str) -> FakeProbe:
    answers = {"docker compose": plugin or CommandOutput(1, "", "docker: unknown command"), "docker-compose": program}
    programs = ["docker", *(["docker-compose"] if program else [])]
    return FakeProbe(programs=programs, answers=answers, environ=environ)


@pytest.mark.parametrize(
    ("plugin", "program", "buildkit", "status"),
    [
        ("2.40.0\n", "", "", "ok"),
        ("v5.0.1\n", "", "", "ok"),
        ("", "2.20.3\n", "", "ok"),
        ("", "1.29.2\n", "1", "ok"),
        ("", "1.29.2\n", "", "warn"),
        ("", "1.25.0\n", "1", "fail"),
        ("", "", "", "fail"),
    ],
)
def test_compose_versions(plugin: str, program: str, buildkit: str, status: str) -> None:
    probe = compose(plugin, program, DOCKER_BUILDKIT=buildkit)
    assert run_check(check_compose, subject(probe))["Docker Compose"].status == status


def test_the_builder_is_a_plugin_of_newer_clients() -> None:
    answers = {"buildx": "github.com/docker/buildx v0.29.1 abc\n"}
    with_it = FakeProbe(programs=["docker"], answers=answers)
    assert run_check(check_builder, subject(with_it))["BuildKit"].seen == "github.com/docker/buildx v0.29.1"
    for client, status in (("28.2.2", "warn"), ("20.10.24+dfsg1", "ok")):
        answers = {"buildx": CommandOutput(1, ""), "docker version": client}
        without = FakeProbe(programs=["docker"], answers=answers)
        assert run_check(check_builder, subject(without))["BuildKit"].status == status
