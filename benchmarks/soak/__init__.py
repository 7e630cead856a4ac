"""Strains a server for minutes with every kind of stream and ending at once, and then checks that nothing is left."""
