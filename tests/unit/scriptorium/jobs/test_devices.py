"""Devices: their names, the GPU that child processes see, and memory that is read before it is used."""

import os

import pytest

from scriptorium.errors import InvalidRequest
from scriptorium.jobs import devices
from scriptorium.jobs.devices import await_free_memory, gpu_index, list_devices, visible_gpu
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.process.device_memory import DeviceMemory, read_device_memory
from scriptorium.settings import Settings, get_settings


def test_a_machine_without_a_gpu_has_one_device() -> None:
    assert list_devices(Settings(device="cpu", machine="desk")) == ["cpu:desk"]


def test_gpus_are_named_by_machine_and_index() -> None:
    names = list_devices(Settings(device="cuda", machine="desk", gpus="0, 2"))
    assert names == ["gpu:desk:0", "gpu:desk:2"]
    assert [gpu_index(name) for name in [*names, "cpu:desk"]] == [0, 2, None]


@pytest.mark.parametrize("gpus", ["first", "0;1", "0,", "-1"])
def test_indices_that_are_none_are_refused_by_the_settings(gpus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTORIUM_GPUS", gpus)
    with pytest.raises(InvalidRequest, match="GPUS") as error:
        get_settings()
    assert len(error.value.problems) == 1


def test_child_processes_see_the_granted_gpu_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with visible_gpu(1):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    with visible_gpu(None):
        assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_a_tenant_begins_only_when_memory_was_read_to_be_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "POLL_INTERVAL", 0.0)
    gib = 1024**3
    readings = iter(
        [DeviceMemory(2 * gib, 32 * gib), DeviceMemory(9 * gib, 32 * gib), DeviceMemory(30 * gib, 32 * gib)]
    )
    reporter = SilentReporter()
    await_free_memory("gpu:desk:0", 0.8, reporter, lambda index: next(readings))
    assert reporter.messages == ["Waiting for memory on gpu:desk:0: 2.0 of 32.0 GiB are free."]
    assert next(readings, None) is None


def test_a_driver_that_does_not_tell_keeps_nobody_waiting() -> None:
    await_free_memory("gpu:desk:0", 0.8, SilentReporter(), lambda index: None)


def test_the_machines_memory_is_read() -> None:
    memory = read_device_memory(None)
    assert memory is not None
    assert 0 < memory.free <= memory.total
