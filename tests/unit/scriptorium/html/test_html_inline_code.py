from scriptorium.html.inline_code import render_code


def test_what_stands_between_backticks_is_code() -> None:
    assert render_code("Run `scriptorium show` or `a<b`.") == (
        "Run <code>scriptorium show</code> or <code>a&lt;b</code>."
    )


def test_a_text_without_code_is_only_escaped() -> None:
    assert render_code("<b>`") == "&lt;b&gt;`"
    assert render_code("") == ""
