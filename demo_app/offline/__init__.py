"""The stand-in for OpenAI's service: it speaks the same protocol, and answers from jero's own documentation."""
