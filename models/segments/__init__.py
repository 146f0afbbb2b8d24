"""Segments that SQL cannot express: clusters of behaviour, offers from category affinities."""
