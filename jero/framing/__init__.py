"""From an item to its bytes on the wire: a format a file, pure and synchronous."""
