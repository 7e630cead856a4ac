"""Commands for the maintainers of jero."""
