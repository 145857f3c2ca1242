from scriptorium.html.dot_plot import PlotValue, lay_out

VALUES = [
    PlotValue("A very long name of an author", "other", 40, 30, 55, "40"),
    PlotValue("B", "tuned", 90, 80, 99, "90"),
]


def test_the_narrow_picture_shows_the_same_on_the_whole_width() -> None:
    plot = lay_out(VALUES, [(0.0, "base"), (100.0, "author")])
    narrow = plot.narrow
    assert narrow
    assert [(row.name, row.label) for row in narrow.rows] == [(row.name, row.label) for row in plot.rows]
    assert narrow.width <= 340  # on a screen of 360 pixels, letters keep nine tenths of their size
    for picture in (plot, narrow):
        for row in picture.rows:
            assert picture.left <= row.low < row.dot < row.high <= picture.right
            assert picture.top < row.y < picture.bottom < picture.height
        assert 3 <= len(picture.ticks) <= 8
