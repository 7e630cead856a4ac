"""Reads a handler's signature once, at startup, into plain data for the binder, the responder and the documents."""
