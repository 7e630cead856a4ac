"""Wire formats: pure, synchronous functions from an item to its bytes."""
