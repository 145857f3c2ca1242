"""Webhooks and notices: what is announced of jobs is sent, tried again, and logged."""
