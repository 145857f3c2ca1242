"""The page shows how strength and temperature were chosen, and only if they were."""

from scriptorium.artifacts.trials import TemperaturePoint
from scriptorium.contracts import CalibrateResult, TrialScore
from services.evaluator.report.page import render_page
from services.evaluator.voice_inputs import Pair
from tests.report_example import HOSTILE, make_pair, make_report

HALF = TrialScore(
    step=240,
    strength=0.5,
    temperature=0.9,
    transfer=63,
    low=53,
    high=73,
    asked=96,
    base_followed=36,
    followed=35,
    low_points=-4.0,
    kept=True,
    long_enough=0.88,
    base_long_enough=0.92,
    chosen=True,
)
WHOLE = HALF.model_copy(
    update={"strength": 1.0, "temperature": 1.0, "low_points": -30.0, "kept": False, "chosen": False}
)
CALIBRATION = CalibrateResult(
    step=240,
    strength=0.5,
    temperature=0.9,
    base_temperature=0.95,
    scores=[HALF, WHOLE],
    temperatures=[TemperaturePoint(temperature=0.8, loss=3.2), TemperaturePoint(temperature=1.0, loss=4.43)],
    genuine_loss=3.86,
    reason=HOSTILE,
)


def test_the_choice_is_shown_with_its_picture_and_its_numbers() -> None:
    report = make_report()
    decoding = report.settings.decoding.model_copy(update={"temperature": 0.9})
    settings = report.settings.model_copy(
        update={"decoding": decoding, "base_temperature": 0.95, "base_temperatures": [1.0, 0.95]}
    )
    pair = make_pair()
    tuned = pair.tuned.model_copy(update={"decoding": decoding})
    shown = report.model_copy(update={"calibration": CALIBRATION, "settings": settings})
    page = render_page(shown, [Pair(pair.base, tuned)])
    assert "How strong, and how warm" in page
    assert "Checkpoint 240 at strength 0.5: T 63, 35 of 96 instructions followed, chosen." in page
    assert "<td>35 of 96 (36)</td><td>88\u00a0% (92\u00a0%)</td>" in page
    assert '<th scope="row">1.00</th><td>4.43</td>' in page
    assert "as hard to foresee as yours (a surprise of 3.86 nats per token)" in page
    assert "temperature 0.9 (the base 0.95)" in page
    assert page.count("ended by itself, temperature 0.90") == 1
    assert "<script>" not in page
    assert page.count("<svg") == 6  # each once for a phone


def test_without_trials_the_page_is_silent() -> None:
    page = render_page(make_report(), [make_pair()])
    assert "How strong, and how warm" not in page
    assert "(the base" not in page
