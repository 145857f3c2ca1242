"""The books of a manuscript that has several: which files are one, whose passage is which, and the same book twice."""
