"""Writes an application's contract as an OpenAPI document, once, at startup; serves it, and a page that shows it."""
