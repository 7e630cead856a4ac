"""How a stream is sent: one task owns its source, and no task is made for an item."""
