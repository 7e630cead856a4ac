"""What a handler returns: frozen data. None of them sends itself."""
