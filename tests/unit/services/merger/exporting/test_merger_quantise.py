"""Without the quantiser one format is refused before any work, by name and with a way out; the others are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from scriptorium.errors import EnvironmentMissing
from scriptorium.jobs.reporter import SilentReporter
from services.merger.exporting.export import export_all, export_model
from tests.unit.services.merger.exporting.test_merger_export import write_model


@pytest.fixture(autouse=True)
def without_quantiser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name an environment that does not exist."""
    monkeypatch.setenv("SCRIPTORIUM_LLAMA_ENV", str(tmp_path / "none"))


def test_without_the_quantiser_the_format_is_refused_before_any_work(tmp_path: Path) -> None:
    model, reporter = write_model(tmp_path / "model"), SilentReporter()
    with pytest.raises(EnvironmentMissing, match="quantiser is not installed") as caught:
        export_model(model, "gguf-q4_k_m", tmp_path / "out" / "my.gguf", reporter)
    assert "ollama create NAME --quantize q4_K_M" in (caught.value.next_step or "")
    assert (reporter.messages, (tmp_path / "out").exists()) == ([], False)


def test_a_job_without_the_quantiser_writes_the_other_formats_and_says_so(tmp_path: Path) -> None:
    reporter = SilentReporter()
    names = export_all(["gguf-q4_k_m", "gguf-q8_0"], write_model(tmp_path / "model"), reporter, 1 << 40)
    assert names == ["exports/model-q8_0.gguf", "exports/model-q8_0.Modelfile"]
    assert reporter.messages[0].startswith("[MERGE] gguf-q4_k_m not written: llama.cpp's quantiser is not installed")
