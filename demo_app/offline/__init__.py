"""The offline model: it stands in for OpenAI's service with the same protocol, and quotes jero's documentation."""
