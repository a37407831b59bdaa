"""Where nbgrader meets the grader: its preprocessors and its configuration."""
