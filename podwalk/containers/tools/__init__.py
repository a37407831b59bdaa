"""Programs of the images."""
PROGRAMS = {}
