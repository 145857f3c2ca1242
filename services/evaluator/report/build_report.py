"""Build report.json: judge the measurements, and put everything together."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open

from scriptorium import __version__
from scriptorium.contracts import EvaluateRequest, EvaluateResult
from scriptorium.contracts.report.document import SAMPLES, EvaluationSettings, PassageLosses, Report
from scriptorium.contracts.report.rewriting import Rewriting
from scriptorium.contracts.report.scenes import NewScenes
from scriptorium.contracts.report.second_judge import SecondJudge
from scriptorium.contracts.report.voice import VoiceOutcome
from scriptorium.html.training_losses import read_losses
from scriptorium.stats.bootstrap import DRAWS
from services.evaluator.generation.plan import list_temperatures
from services.evaluator.generation.protocol import SEEDED, UNSEEDED
from services.evaluator.impostors import Impostor, count_unseen
from services.evaluator.loss.loss_drop import measure_loss_drop
from services.evaluator.measure_models import Measurements
from services.evaluator.report.summary import write_verdict
from services.evaluator.retention_outcome import judge_retention
from services.evaluator.voice_inputs import pair_samples, select_samples
from services.evaluator.voice_outcome import add_retention_gates, summarise_voice


@dataclass(frozen=True)
class Judgements:
    """What was judged of the texts; None if it was not wanted or has too little text."""

    voice: VoiceOutcome
    scenes: NewScenes | None
    second_judge: SecondJudge | None
    rewriting: Rewriting | None


def build_report(
    request: EvaluateRequest, measured: Measurements, impostors: Sequence[Impostor], judgements: Judgements
) -> Report:
    """Judge losses and retention, and put them together with the other judgements."""
    retention = judge_retention(measured.retention, pair_samples(measured.samples), request.seed)
    voice, scenes = add_retention_gates(judgements.voice, retention), judgements.scenes
    result = EvaluateResult(
        author=measure_loss_drop(measured.author, request.seed),
        others=measure_loss_drop(measured.others, request.seed) if measured.others else None,
        samples=len(select_samples(measured.samples, "base")),
        unseen_impostors=count_unseen(impostors),
        retention=retention.verdict.value,
        voice=summarise_voice(voice),
        leak_rate=scenes.tuned.share if scenes and scenes.outcome != "not_measured" else None,
    )
    parameters = count_parameters(request.tokenizer)
    base, tuned = measured.models
    return Report(
        title=request.title,
        suffix=request.suffix,
        scriptorium=__version__,
        created_at=int(time.time()),
        parameters=parameters,
        base=base,
        tuned=tuned,
        verdict=write_verdict(
            result,
            parameters,
            retention.parts,
            scenes=scenes,
            measured_before=request.measured_before,
            language=voice.language,
        ),
        result=result,
        voice=voice,
        second_judge=judgements.second_judge,
        kept=retention,
        calibration=request.calibration,
        settings=list_settings(request, measured, impostors),
        passages=PassageLosses(author=measured.author, others=measured.others),
        training=read_losses(request.metrics),
        samples=SAMPLES,
        replay=request.replay,
        scenes=scenes,
        rewriting=judgements.rewriting,
        served=request.served,
        findings=request.findings,
    )


def list_settings(
    request: EvaluateRequest, measured: Measurements, impostors: Sequence[Impostor]
) -> EvaluationSettings:
    """List the settings of the measurement."""
    written = select_samples(measured.samples, "base")
    return EvaluationSettings(
        decoding=measured.protocol.decoding.model_copy(update={"temperature": request.temperature}),
        base_temperature=written[0].decoding.temperature,
        base_temperatures=list(list_temperatures(request.temperature, request.base_temperature).base),
        seeds=SEEDED if request.seeded else UNSEEDED,
        prompts=len(written),
        calibration=len(select_samples(measured.samples, "base", "dev")),
        excerpts=measured.protocol.excerpts,
        seen_impostors=[impostor.author for impostor in impostors if impostor.is_seen],
        unseen_impostors=[impostor.author for impostor in impostors if not impostor.is_seen],
        streams=request.streams,
        longest_tokens=measured.max_tokens,
        cut=sum(passage.cut for passage in (*measured.author, *measured.others)),
        bootstrap_draws=DRAWS,
        seed=request.seed,
    )


def count_parameters(folder: Path) -> int | None:
    """Count the weights of a model from the headers of its safetensors files; returns None if there are none."""
    total = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(str(path), framework="numpy") as weights:
            total += sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
    return total or None
