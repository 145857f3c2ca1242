import math

from bench.train import PlannedTraining, TimedTraining, plan_errors, summarise, typical_seconds


def run(steps: list[float], start: float = 30.0, plan: PlannedTraining | None = None) -> TimedTraining:
    return TimedTraining(start, steps, 100.0, 1, plan)


def test_one_disturbed_step_of_one_run_changes_nothing() -> None:
    assert typical_seconds([run([1.0, 2.0]), run([50.0, 2.0])]) == 3.0


def test_ours_is_compared_with_bare() -> None:
    plan = PlannedTraining(planned_peak=90, planned_seconds=150, peak=100, seconds=100)
    results = summarise([run([1.1, 2.2], 33.0, plan)], [run([1.0, 2.0], 30.0)])
    assert math.isclose(results["overhead"], 1.1)
    assert results["start_s"] == 3.0
    assert math.isclose(results["peak_error"], 0.1)
    assert math.isclose(results["time_error"], 0.5)
    assert "peak_error_one_run" not in results


def test_the_second_plan_is_the_one_that_had_a_measured_run() -> None:
    first = PlannedTraining(planned_peak=50, planned_seconds=50, peak=100, seconds=100)
    second = PlannedTraining(planned_peak=99, planned_seconds=104, peak=100, seconds=100)
    results = summarise([run([1.0], plan=first), run([1.0], plan=second)], [run([1.0])])
    assert math.isclose(results["peak_error"], 0.5)
    assert math.isclose(results["time_error_one_run"], 0.04)


def test_an_error_is_a_share_of_the_median_of_what_was_measured() -> None:
    runs = [PlannedTraining(100, 100, peak, 100) for peak in (80.0, 100.0, 500.0)]
    assert plan_errors(runs[0], runs)["peak_error"] == 0
