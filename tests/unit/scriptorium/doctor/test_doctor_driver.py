import pytest
from doctor_machine import WSL_RELEASE, WSL_SMI, FakeProbe, container, run_check, subject
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.doctor.check import at_least, parse_version
from scriptorium.doctor.driver import NO_GPU, check_driver, parse_cards
from scriptorium.doctor.probe import CommandOutput

RTX_5090 = "NVIDIA GeForce RTX 5090, 581.57, 32607, 31105, 12.0\n"
NO_DRIVER = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. "
    "Make sure that the latest NVIDIA driver is installed and running.\n"
)
PCI = {"/sys/bus/pci/devices/0000:01:00.0/vendor": "0x10de\n", "/sys/bus/pci/devices/0000:01:00.0/class": "0x030000\n"}


def gpu(cards: CommandOutput | str | None, apps: str = "", **more: object) -> FakeProbe:
    answers = {"--query-gpu": cards, "--query-compute-apps": apps}
    return FakeProbe(programs=["nvidia-smi"], answers=answers, **more)  # type: ignore[arg-type]


def test_a_5090_with_a_recent_driver_needs_no_fix() -> None:
    findings = run_check(check_driver, subject(gpu(RTX_5090)))
    assert {finding.status for finding in findings.values()} == {"ok"}
    assert findings["GPU"].seen == "NVIDIA GeForce RTX 5090"
    assert findings["NVIDIA driver"].seen == "581.57"
    assert findings["compute capability"].seen.startswith("12.0 (sm_120")
    assert findings["GPU memory"].seen == "31,105 of 32,607 MiB free"


def test_a_driver_before_580_fails_with_the_way_to_a_new_one_on_linux_and_on_windows() -> None:
    old = RTX_5090.replace("581.57", "560.94")
    linux = run_check(check_driver, subject(gpu(old)))["NVIDIA driver"]
    assert (linux.status, linux.fix.split()[:3]) == ("fail", ["sudo", "apt", "install"])
    windows = gpu(old, files={"/proc/sys/kernel/osrelease": WSL_RELEASE})
    assert "On Windows, not in WSL" in run_check(check_driver, subject(windows))["NVIDIA driver"].fix


def test_a_card_without_bf16_fails() -> None:
    finding = run_check(check_driver, subject(gpu("Tesla T4, 580.95.05, 15360, 15000, 7.5\n")))["compute capability"]
    assert finding.status == "fail"


def test_processes_that_hold_memory_are_named() -> None:
    busy = RTX_5090.replace("31105", "9000")
    apps = "4711, /usr/bin/python3, 22012\n"
    finding = run_check(check_driver, subject(gpu(busy, apps)))["GPU memory"]
    assert finding.status == "warn"
    assert "/usr/bin/python3 (pid 4711, 22012 MiB)" in finding.seen
    assert "vLLM asks for 27,715" in finding.seen  # 0.85 of 32,607
    on_wsl = run_check(check_driver, subject(gpu(busy, "[Insufficient Permissions], [N/A], [N/A]\n")))["GPU memory"]
    assert "does not report by whom" in on_wsl.seen


@pytest.mark.parametrize(
    ("total", "words"), [(16380, "too large to serve"), (8192, "too small for an 8B"), ("[N/A]", "does not report")]
)
def test_a_small_card_is_a_warning(total: object, words: str) -> None:
    finding = run_check(check_driver, subject(gpu(f"NVIDIA X, 581.57, {total}, {total}, 8.9\n")))["GPU memory"]
    assert finding.status == "warn"
    assert words in finding.seen


def test_no_gpu_is_one_line_and_no_failure() -> None:
    for probe in (FakeProbe(), gpu(CommandOutput(6, "No devices were found\n"))):
        findings = run_check(check_driver, subject(probe))
        assert [(finding.status, finding.seen) for finding in findings.values()] == [("ok", NO_GPU)]


def test_no_gpu_fails_if_the_settings_ask_for_one() -> None:
    assert run_check(check_driver, subject(FakeProbe(), device="cuda"))["GPU"].status == "fail"
    inside = run_check(check_driver, subject(container("trainer"), "trainer", device="cuda"))["GPU"]
    assert (inside.status, "on the host" in inside.fix) == ("fail", True)


def test_a_card_without_a_driver_is_detected_on_the_bus() -> None:
    finding = run_check(check_driver, subject(FakeProbe(files=PCI)))["NVIDIA driver"]
    assert (finding.status, "no driver" in finding.seen) == ("fail", True)
    sound = {name: text.replace("0x030000", "0x040300") for name, text in PCI.items()}  # an NVIDIA audio device alone
    assert run_check(check_driver, subject(FakeProbe(files=sound)))["GPU"].seen == NO_GPU


def test_a_driver_that_does_not_answer_fails_with_its_own_words() -> None:
    finding = run_check(check_driver, subject(gpu(CommandOutput(9, NO_DRIVER))))["NVIDIA driver"]
    assert (finding.status, "couldn't communicate" in finding.seen) == ("fail", True)
    mismatch = CommandOutput(
        18, "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 580.95\n"
    )
    assert "reboot" in run_check(check_driver, subject(gpu(mismatch)))["NVIDIA driver"].fix


def test_an_old_nvidia_smi_without_compute_capability_is_asked_again() -> None:
    answers = {
        "memory.free,compute_cap": CommandOutput(2, 'Field "compute_cap" is not a valid field to query.\n'),
        "memory.free": "NVIDIA GeForce RTX 3090, 470.256.02, 24268, 24000\n",
    }
    findings = run_check(check_driver, subject(FakeProbe(programs=["nvidia-smi"], answers=answers)))
    assert (findings["NVIDIA driver"].status, findings["compute capability"].status) == ("fail", "warn")


def test_two_cards_are_numbered() -> None:
    findings = run_check(check_driver, subject(gpu(RTX_5090 * 2)))
    assert {"GPU 0", "GPU 1", "GPU memory 1"} <= set(findings)


def test_wsl_has_its_own_nvidia_smi() -> None:
    files = {"/proc/sys/kernel/osrelease": WSL_RELEASE, WSL_SMI: ""}
    probe = FakeProbe(files=files, answers={WSL_SMI: RTX_5090})
    assert run_check(check_driver, subject(probe))["GPU"].seen == "NVIDIA GeForce RTX 5090"


def test_services_and_settings_without_a_gpu_are_skipped() -> None:
    assert run_check(check_driver, subject(FakeProbe(), "merger"))["GPU"].status == "skipped"
    assert run_check(check_driver, subject(gpu(RTX_5090), device="cpu"))["GPU"].status == "skipped"


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=5), st.sampled_from(["", "+dfsg1", "-rc.1", "~ce", "."]))
def test_a_version_is_read_back_whatever_follows_it(numbers: list[int], tail: str) -> None:
    written = ".".join(map(str, numbers))
    assert parse_version(f"v{written}{tail}") == tuple(numbers)
    assert at_least(written, *numbers)
    assert not at_least(written, *numbers[:-1], numbers[-1] + 1)


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    assert all(number >= 0 for number in parse_version(text))
    assert all(card.total is None or card.total >= 0 for card in parse_cards(text))


def test_text_that_is_no_version_is_at_least_nothing() -> None:
    assert at_least("", 1) is None
    assert at_least("[N/A]", 1) is None
