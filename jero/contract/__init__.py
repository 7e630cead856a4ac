"""A handler's signature, read once at startup, as plain data: the binder, the responder and the documents read it."""
