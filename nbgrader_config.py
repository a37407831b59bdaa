"""nbgrader's configuration for this course: submissions run in a sandbox, checks in a process of their own.

Copy it into a course's folder, or start nbgrader and JupyterLab from here.
"""

from grader.conversion.configuration import configure

configure(get_config())  # type: ignore[name-defined]  # noqa: F821  traitlets puts it here
