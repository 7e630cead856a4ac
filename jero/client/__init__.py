"""Reading streams: the parsers are written apart from `jero.framing`, so that neither hides the other's mistakes."""
