"""The report's page, with its sentences and plots."""
