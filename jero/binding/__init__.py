"""From a request to the handler's arguments, as the contract says."""
