"""Responses that a handler returns: frozen data. The dispatcher sends them."""
