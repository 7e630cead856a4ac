"""Minutes of every kind of stream and every kind of ending at once, after which nothing may be left."""
