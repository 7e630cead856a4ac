"""One request, from its matched route to its last byte."""
