"""HTTP's own words: they know nothing of jero but its errors."""
