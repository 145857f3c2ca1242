"""The API as its clients see it: the unmodified `openai` client in two versions, and schemathesis on our OpenAPI."""
