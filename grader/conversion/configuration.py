"""nbgrader's configuration: with it, every way to autograde is the isolated one.

Formgrader's button, ``nbgrader autograde`` and ``grader autograde`` read the same preprocessors from here.
"""

from __future__ import annotations

from nbconvert.preprocessors import ClearMetadataPreprocessor, CSSHTMLHeaderPreprocessor
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearOutput,
    GetGrades,
    IgnorePattern,
    LimitOutput,
    OverwriteKernelspec,
    SaveAutoGrades,
)
from traitlets.config import Config

from grader.conversion.execution import IsolatedExecute
from grader.conversion.feedback import HideTests
from grader.conversion.restoration import Restore

STUB = '# Your manifests go here, for example: cluster.apply("""…""")'
TEXT_STUB = "*Your answer goes here.*"


def configure(config: Config) -> Config:
    """Set what grading in isolation needs, and return the configuration."""
    config.CourseDirectory.course_id = "podwalk"
    config.ClearSolutions.code_stub = {"python": STUB}
    config.ClearSolutions.text_stub = TEXT_STUB
    config.Autograde.sanitize_preprocessors = [ClearOutput, OverwriteKernelspec, Restore, CheckCellMetadata]
    config.Autograde.autograde_preprocessors = [
        IsolatedExecute,
        IgnorePattern,
        ClearMetadataPreprocessor,
        LimitOutput,
        SaveAutoGrades,
        AssignLatePenalties,
        CheckCellMetadata,
    ]
    # What `podwalk save` keeps is collected from a learning platform's archive as well.
    config.FileNameCollectorPlugin.valid_ext = [".ipynb", ".yaml"]
    config.GenerateFeedback.preprocessors = [GetGrades, HideTests, CSSHTMLHeaderPreprocessor]
    return config
