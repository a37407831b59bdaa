"""The application of an incident: a front, an API and a store, named and shaped by a seed.

The namespaces are always the same, so that an assignment can name them, and so can a learner's clean-up.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

NAMESPACE = "incident"
OFFICE = "incident-office"

THEMES = (
    ("bakery", "counter", "orders", "pantry", "prices", "mill"),
    ("library", "desk", "catalogue", "stacks", "covers", "publisher"),
    ("harbour", "gate", "berths", "ledger", "tides", "customs"),
    ("cinema", "lobby", "seats", "reels", "posters", "distributor"),
    ("clinic", "reception", "visits", "records", "forms", "laboratory"),
    ("orchard", "stall", "baskets", "barn", "weather", "nursery"),
    ("museum", "entrance", "tours", "archive", "maps", "lender"),
    ("railway", "board", "trains", "timetable", "fares", "signals"),
)
"""A theme, and what front, API, store, cache and partner are called in it."""

LABELS = ("app", "component", "tier", "app.kubernetes.io/name")
MONITORS = ("role=monitor", "job=scraper", "team-role=watcher", "purpose=metrics")
OFFICES = ("team=operations", "kind=office", "unit=backoffice", "owner=platform")
API_PORTS = (80, 8000, 8080, 9000)
API_TARGETS = (3000, 5000, 7000, 8181)
STORE_PORTS = (4000, 5432, 6000, 9200)
NODE_PORTS = (30110, 30799)


@dataclass(frozen=True)
class Application:
    """What the seed drew.

    Attributes:
        theme: what kind of business it is.
        front: the name of the tier that the world sees.
        api: of the tier behind it.
        store: of the tier that keeps the data.
        cache: of a fourth tier, which the API asks as well; empty if there is none.
        partner: of the external service, a Pod of the office's namespace.
        label: the key of the label that tells the tiers apart.
        host: the host of the Ingress.
        api_port: the port of the API's Service.
        api_target: the port where its Pods listen.
        port_name: what that port is called in the Pods.
        named: whether Services name the port instead of giving its number.
        store_port: where the store listens.
        node_port: where the nodes pass on to the front.
        replicas: of front, API and store.
        monitor: the label of the office's Pods that may call the API.
        office: the label of the office's namespace.
    """

    theme: str
    front: str
    api: str
    store: str
    cache: str
    partner: str
    label: str
    host: str
    api_port: int
    api_target: int
    port_name: str
    named: bool
    store_port: int
    node_port: int
    replicas: tuple[int, int, int]
    monitor: tuple[str, str]
    office: tuple[str, str]

    def text(self, tier: str) -> str:
        """Return what a tier answers."""
        return f"{self.theme} {tier}"

    def labels(self, tier: str) -> dict[str, str]:
        """Return the labels of a tier's Pods."""
        return {self.label: tier}


def design(seed: int | str) -> Application:
    """Draw an application; the same for the same seed."""
    dice = generator(seed, "application")
    theme, front, api, store, cache, partner = dice.choice(THEMES)
    return Application(
        theme=theme,
        front=front,
        api=api,
        store=store,
        cache=cache if dice.random() < 0.5 else "",
        partner=partner,
        label=dice.choice(LABELS),
        host=f"{dice.choice(('www', front, 'my'))}.{theme}.example",
        api_port=dice.choice(API_PORTS),
        api_target=dice.choice(API_TARGETS),
        port_name=dice.choice(("http", "web", "rest")),
        named=dice.random() < 0.5,
        store_port=dice.choice(STORE_PORTS),
        node_port=dice.randint(*NODE_PORTS),
        replicas=(dice.randint(1, 2), dice.randint(2, 3), dice.randint(2, 3)),
        monitor=_pair(dice.choice(MONITORS)),
        office=_pair(dice.choice(OFFICES)),
    )


def generator(seed: int | str, purpose: str) -> random.Random:
    """Return a generator of its own for each purpose; seeded with text, it is the same on every Python."""
    return random.Random(f"podwalk {purpose} {seed}")


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key, value
