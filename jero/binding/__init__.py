"""Binds the parts of a request to the handler's arguments, as the contract declares them."""
