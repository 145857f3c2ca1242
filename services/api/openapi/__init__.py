"""The machine-readable description of the API: bodies, answers and errors of its calls."""
