"""A learner's mistake is a short message with the line, never a traceback of ours."""

from __future__ import annotations

import pytest
from IPython.testing.globalipapp import start_ipython

import podwalk
from podwalk.facade import application, wire
from podwalk.facade.errors import LearnerError, ManifestError, NotFoundError
from podwalk.facade.manifest import parse

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: two
  template:
    spec:
      containers:
      - name: web
        imagee: nginx
"""


def refused(code: int, **status: object) -> LearnerError:
    (document,) = parse(DEPLOYMENT)
    return application.refusal(wire.StatusError(code, status), document, document.value)


def test_fields_in_the_causes_are_told_by_line() -> None:
    error = refused(
        422, message="invalid", details={"causes": [{"field": "spec.replicas", "message": "must be at least 0"}]}
    )
    assert isinstance(error, ManifestError)
    assert error.line == 5
    assert "line 5: replicas: two" in str(error)


def test_fields_in_the_decoders_message_are_told_by_line() -> None:
    prefix = "failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): errors:\n"
    unknown = '  .spec.template.spec.containers[name="web"].imagee: field not declared in schema\n'
    message = prefix + unknown + "  .spec.replicas: expected numeric, got string"
    error = refused(500, message=message)
    assert isinstance(error, ManifestError)
    assert error.line == 10
    assert "line 5: replicas: two" in error.where
    assert "there is no such field" in error.problem


def test_a_whole_template_does_not_hide_the_words_that_matter() -> None:
    value = '{"labels":{"app":"' + "x" * 300 + '"}}'
    error = refused(422, message=f"Deployment is invalid: spec.template: Invalid value: {value}: field is immutable")
    assert error.problem.endswith("spec.template: Invalid value: {…}: field is immutable")


def test_a_missing_namespace_is_told_as_such() -> None:
    error = refused(404, message='namespaces "shop" not found', details={"kind": "namespaces", "name": "shop"})
    assert isinstance(error, NotFoundError)
    assert "line 3" in error.where
    assert "apply the Namespace first" in error.hint


def test_ipython_shows_the_message_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    shell = start_ipython()  # type: ignore[no-untyped-call]  # no types
    shell.run_cell("from podwalk.facade.errors import LearnerError\nraise LearnerError('no such Pod', hint='look')")
    shown = capsys.readouterr()
    assert "LearnerError: no such Pod" in shown.out + shown.err
    assert "Traceback" not in shown.out + shown.err


def test_a_kind_that_is_not_served_is_shown_at_its_line() -> None:
    manifest = (
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Servce\nmetadata: {name: b}\n"
    )
    with pytest.raises(ManifestError) as caught:
        podwalk.cluster("in-process", quiet=True).apply(manifest)
    assert caught.value.line == 6
    assert "line 6: kind: Servce" in str(caught.value)
    assert "did you mean `kind: Service`?" in str(caught.value)
