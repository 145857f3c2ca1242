import numpy as np
import pytest

from scriptorium.contracts.report.voice import Estimate, Gate, ImpostorTransfer, Transfer
from services.evaluator.voice.transfer import Scores, measure_transfer
from services.evaluator.voice.verdict import judge_voice


def impostors(count: int = 4, best: float = 20.0, alike: bool = True) -> list[ImpostorTransfer]:
    estimate = Estimate(value=best, low=best - 5, high=best + 5, lower_bound=best - 4)
    return [ImpostorTransfer(name=f"other {n}", alike=alike, chunks=20, transfer=estimate) for n in range(count)]


def transfer(*centers: float, noise: float = 0.1, prompts: int = 48) -> Transfer:
    chance = np.random.default_rng(0)
    tuned = np.array(centers * 3 if len(centers) == 1 else centers)
    return measure_transfer(Scores(*(mean + noise * chance.normal(size=(prompts, 3)) for mean in (1, 0, tuned))), 0)


def gate(code: str, outcome: str = "pass", measured: bool = True) -> Gate:
    step = "" if outcome == "pass" else f"mend {code}"
    return Gate(code=code, outcome=outcome, measured=measured, finding=f"{code} was checked.", next_step=step)


@pytest.mark.parametrize(
    ("tuned", "others", "gates", "name", "reason"),
    [
        (transfer(0.9), impostors(), [gate("length")], "production", ""),
        (transfer(0.5), impostors(), [], "not_there", "more than 60"),
        (transfer(0.65, noise=0.7), impostors(), [], "promising", "not certain"),
        (transfer(0.9), impostors(best=92), [], "promising", "other 0 is (92)"),
        (transfer(0.9), impostors(3), [], "promising", "Only 3 other authors"),
        (transfer(0.9), [], [], "promising", "Only 0 other authors"),
        (transfer(0.9), impostors(alike=False), [], "promising", "same period and genre"),
        (transfer(1.0, 1.0, 0.3), impostors(), [], "promising", "grammar 31"),
        (
            transfer(0.9),
            impostors(),
            [gate("coherence", "warn", measured=False)],
            "promising",
            "coherence could not be measured",
        ),
        (transfer(0.9, prompts=20), impostors(), [], "promising", "20 prompts"),
        (transfer(0.9), impostors(), [gate("measurable", "fail")], "not_measurable", "measurable was checked"),
        (transfer(0.9), impostors(), [gate("memorisation", "fail")], "rejected", "memorisation was checked"),
        (transfer(0.9), impostors(), [gate("measurable", "fail"), gate("length", "fail")], "rejected", "length"),
        *(
            (transfer(0.9, prompts=8), impostors(), [gate("measurable", "fail"), gate(code, "fail")], name, reason)
            for code, name, reason in (
                ("length", "not_measurable", "measurable was checked"),
                ("coherence", "not_measurable", "measurable was checked"),
                ("memorisation", "rejected", "memorisation was checked"),
                ("retention", "rejected", "retention was checked"),
            )
        ),
    ],
)
def test_verdicts(tuned, others, gates, name, reason):
    verdict = judge_voice(tuned, others, gates)
    assert verdict.name == name
    assert (not verdict.reasons) == (name == "production")
    assert reason in " ".join(verdict.reasons)
    assert bool(verdict.next_steps) == (name != "production")


def test_a_rejection_names_every_gate_and_what_to_do():
    verdict = judge_voice(
        transfer(0.9), impostors(), [gate("length", "fail"), gate("coherence", "fail"), gate("caricature")]
    )
    assert verdict.gates == ["length", "coherence"]
    assert verdict.next_steps == ["mend length", "mend coherence"]
