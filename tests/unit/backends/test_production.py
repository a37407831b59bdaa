"""What looks like production is refused, unless its use was confirmed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from podwalk.backends.context import ContextBackend, UnreachableError
from podwalk.backends.kind import KindBackend
from podwalk.backends.production import ProductionError, looks_like


@pytest.mark.parametrize("name", ["prod", "eu-prod-1", "arn:aws:eks:eu:1:cluster/shop-production", "shopProd", "live2"])
def test_a_word_of_its_own_gives_production_away(name: str) -> None:
    assert looks_like(["dev", name]) == name


@pytest.mark.parametrize("name", ["kind-podwalk", "product-team", "non-prod", "delivery", "olive", "reproduce"])
def test_other_names_do_not(name: str) -> None:
    assert looks_like([name]) == ""


def kubeconfig(path: Path, server: str = "https://127.0.0.1:1", cluster: str = "c") -> None:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "shop", "context": {"cluster": cluster, "user": "u"}}],
        "current-context": "shop",
    }
    path.write_text(yaml.safe_dump(content))


@pytest.mark.parametrize("where", ["cluster", "server"])
def test_it_is_refused_before_anything_is_asked_and_used_when_confirmed(
    place: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig(place / "kubeconfig", **{where: "https://prod.invalid:1" if where == "server" else "prod"})
    with pytest.raises(ProductionError, match="looks like production"):
        ContextBackend().connect()
    monkeypatch.setenv("PODWALK_YES_REALLY", "shop")
    with pytest.raises(UnreachableError, match="does not answer"):
        ContextBackend().connect()


def test_a_context_that_is_named_needs_no_current_one(place: Path) -> None:
    kubeconfig(place / "kubeconfig")
    without = yaml.safe_load((place / "kubeconfig").read_text())
    del without["current-context"]
    (place / "kubeconfig").write_text(yaml.safe_dump(without))
    with pytest.raises(UnreachableError, match='context "shop" does not answer'):
        ContextBackend("shop").connect()
    with pytest.raises(UnreachableError, match="current context: there is no such context; there are: shop"):
        ContextBackend().connect()


@pytest.mark.parametrize("text", ["[]", "text", "{contexts: 3, clusters: [], users: []}"])
def test_a_kubeconfig_of_another_form_is_told_in_words(place: Path, text: str) -> None:
    (place / "kubeconfig").write_text(text)
    with pytest.raises(UnreachableError, match="the kubeconfig does not have the form of one"):
        ContextBackend().connect()


def test_a_context_that_is_not_there_is_named_with_those_that_are(place: Path) -> None:
    kubeconfig(place / "kubeconfig")
    with pytest.raises(UnreachableError, match="there is no such context; there are: shop"):
        ContextBackend("other").connect()


@pytest.mark.parametrize(("ours", "error"), [(True, UnreachableError), (False, ProductionError)])
def test_a_kind_cluster_that_the_course_made_may_be_called_anything(
    place: Path, ours: bool, error: type[Exception]
) -> None:
    own = KindBackend("live").own_kubeconfig
    file = own if ours else place / "kubeconfig"
    file.parent.mkdir(parents=True, exist_ok=True)
    kubeconfig(file)
    file.write_text(file.read_text().replace("shop", "kind-live"))
    with pytest.raises(error, match="kind-live"):
        KindBackend("live").connect()
