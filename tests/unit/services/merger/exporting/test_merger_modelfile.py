"""The Modelfile: its template, the tokens that end an answer, the calibrated temperature, and the context."""

from __future__ import annotations

from pathlib import Path

from scriptorium.jobs.reporter import SilentReporter
from services.merger.exporting.modelfile import write_modelfile
from tests.integration.llama_base import TEMPLATE, write_llama_base
from tests.unit.services.merger.merger_models import write_json


def test_a_modelfile_has_all_that_ollama_needs(tmp_path: Path) -> None:
    reporter = SilentReporter()
    write_llama_base(tmp_path / "model")
    generation = {"eos_token_id": [1, 5, 6], "do_sample": True, "temperature": 0.85}
    write_json(tmp_path / "model" / "generation_config.json", generation)
    write_modelfile(tmp_path / "model", tmp_path / "my.gguf", reporter)
    text = (tmp_path / "my.Modelfile").read_text()
    assert text.startswith('FROM ./my.gguf\nTEMPLATE """{{ if not .System }}<|start_header_id|>system')
    assert '{{ end }}{{ end }}<|start_header_id|>assistant<|end_header_id|>\n\n"""\n' in text
    assert "begin_of_text" not in text, "Ollama adds it"
    assert text.splitlines()[-5:] == [
        'PARAMETER stop "<|eot_id|>"',
        'PARAMETER stop "<|end_of_text|>"',
        'PARAMETER stop "<|eom_id|>"',
        "PARAMETER temperature 0.85",
        "PARAMETER num_ctx 4096",
    ]
    assert reporter.messages == []


def test_without_a_template_for_ollama_the_file_and_the_log_say_so(tmp_path: Path) -> None:
    reporter = SilentReporter()
    write_llama_base(tmp_path / "model")
    (tmp_path / "model" / "chat_template.jinja").write_text(TEMPLATE.replace("| trim", "+ '~' * loop.index"))
    write_modelfile(tmp_path / "model", tmp_path / "my.gguf", reporter)
    lines = (tmp_path / "my.Modelfile").read_text().splitlines()
    assert lines[0] == "FROM ./my.gguf"
    assert lines[1].startswith("# The chat template does more than to wrap each message")
    assert lines[2:] == ['PARAMETER stop "<|eot_id|>"', "PARAMETER num_ctx 4096"]
    assert "my.gguf: The chat template does more" in reporter.messages[0]
