"""New scenes: which names are the book's own, and whether they leak into stories that did not ask for them."""
