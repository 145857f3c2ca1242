"""Commands for jobs: send a book, list and show jobs, steer them, answer their questions, read their reports."""
