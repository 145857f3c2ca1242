from scriptorium.errors import BaseModelUnusable, InvalidRecipe, Problem, ScriptoriumError, Stopped, UserError, leaves


def test_the_tree_is_drawn_in_the_docstring() -> None:
    import scriptorium.errors as module

    for error in leaves():
        assert error.__name__ in (module.__doc__ or "")
        if not issubclass(error, Stopped):
            assert f"{error.code}" in (module.__doc__ or "")


def test_user_errors_are_4xx_and_system_failures_are_5xx() -> None:
    for error in leaves():
        if issubclass(error, UserError) or error is BaseModelUnusable:  # a request names the base
            assert 400 <= error.status < 500
        else:
            assert error.status >= 500


def test_codes_are_unique_except_for_stops() -> None:
    codes = [error.code for error in leaves() if not issubclass(error, Stopped)]
    assert len(codes) == len(set(codes))


def test_a_message_shows_every_problem_and_the_first_place_is_the_param() -> None:
    error: ScriptoriumError = InvalidRecipe(
        "Two problems.", problems=[Problem("a", "is bad"), Problem("b", "is worse")]
    )
    assert str(error) == "Two problems.\n- a: is bad\n- b: is worse"
    assert error.param == "a"
    assert error.next_step


def test_every_error_that_a_user_meets_has_a_next_step() -> None:
    assert [error.__name__ for error in leaves() if not issubclass(error, Stopped) and not error("").next_step] == []
