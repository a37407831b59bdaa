"""Quantities as the API reads and writes them: ``0.5`` is stored as ``500m``, ``1024Mi`` as ``1Gi``.

Source: k8s.io/apimachinery/pkg/api/resource, ``ParseQuantity`` and ``CanonicalizeBytes``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_UP, Context, Decimal
from functools import lru_cache

NANO = Decimal("1e-9")
MAX = Decimal(2**63 - 1)

FORMAT_WRONG = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
SUFFIX_WRONG = "unable to parse quantity's suffix"

_SHAPE = re.compile(r"(?P<sign>[+-]?)(?P<whole>\d*)(?P<fraction>\.\d*)?(?P<suffix>[eEinumkKMGTP]*[-+]?\d*)")
_EXPONENT = re.compile(r"[eE][-+]?\d+")
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY_NAMES = {power: name for name, power in _BINARY.items()} | {0: ""}
_DECIMAL_NAMES = {power: name for name, power in _DECIMAL.items()}
_EXACT = Context(prec=200)


class QuantityError(ValueError):
    """The text is no quantity; the message is the API's."""


@dataclass(frozen=True)
class Quantity:
    """An amount, and the way it was written.

    Attributes:
        amount: the exact value, at most to the ninth decimal.
        style: ``binary`` (Ki, Mi…), ``decimal`` (m, k, M…) or ``exponent`` (1e3).
    """

    amount: Decimal
    style: str

    def __str__(self) -> str:
        """Render in canonical form."""
        if self.amount == 0:
            return "0"
        if self.style == "binary" and abs(self.amount) >= 1024 and self.amount == self.amount.to_integral_value():
            return _binary(int(self.amount))
        return _decimal(self.amount, exponent=self.style == "exponent")


@lru_cache(maxsize=4096)
def parse(text: str) -> Quantity:
    """Read a quantity.

    Raises:
        QuantityError: with the API's words.
    """
    sign, digits, suffix = _split(text)
    number = Decimal(sign + digits)
    if suffix in _BINARY:
        style, amount = "binary", _EXACT.multiply(number, Decimal(1024 ** _BINARY[suffix]))
    elif suffix in _DECIMAL:
        style, amount = "decimal", number.scaleb(_DECIMAL[suffix], _EXACT)
    elif _EXPONENT.fullmatch(suffix) and abs(int(suffix[1:])) <= 100:
        style, amount = "exponent", number.scaleb(int(suffix[1:]), _EXACT)
    else:
        raise QuantityError(SUFFIX_WRONG)
    amount = amount.quantize(NANO, rounding=ROUND_UP, context=_EXACT)
    if style == "binary":
        amount = min(amount, MAX)
        style = "decimal" if 0 < amount < 1 else style
    return Quantity(amount, style)


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """Return the text as the API stores it. One that is canonical but for leading zeros or a sign is kept as it is.

    Raises:
        QuantityError: with the API's words.
    """
    quantity = parse(text)
    _, digits, suffix = _split(text)
    shifted = digits.replace(".", "").lstrip("0")
    places = len(digits.partition(".")[2])
    if text == "0" or not shifted or len(shifted) > 18 or quantity.amount >= MAX:
        return str(quantity)
    if suffix in _BINARY:
        kept = not places and int(shifted) % 8 != 0
    else:
        scale = (_DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])) - places
        kept = scale >= -9 and scale % 3 == 0 and not shifted.endswith("000") and digits.lstrip("0")[0] != "."
    return text if kept else str(quantity)


def round_up(text: str, places: int) -> str:
    """Return the text rounded up to a number of decimals, as the API does with the resources of a Pod (to 1m)."""
    quantity = parse(text)
    rounded = quantity.amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_UP, context=_EXACT)
    return text if rounded == quantity.amount else str(Quantity(rounded, quantity.style))


def amount(text: str) -> Decimal:
    """Return the value of a quantity that was already accepted."""
    return parse(str(text)).amount


def _split(text: str) -> tuple[str, str, str]:
    shape = _SHAPE.fullmatch(text)
    if not text or shape is None:
        raise QuantityError(FORMAT_WRONG)
    whole, fraction = shape["whole"], shape["fraction"] or ""
    return shape["sign"], (whole or "0") + fraction, shape["suffix"]


def _binary(value: int) -> str:
    power = 0
    while value % 1024 == 0 and power < 6:
        value, power = value // 1024, power + 1
    return f"{value}{_BINARY_NAMES[power]}"


def _decimal(value: Decimal, *, exponent: bool) -> str:
    _, digits, raw = value.normalize(_EXACT).as_tuple()
    assert isinstance(raw, int)  # neither infinity nor NaN can come out of a parse
    power = raw - raw % 3
    power = power if exponent else min(power, 18)
    text = "".join(map(str, digits)) + "0" * (raw - power)
    sign = "-" if value < 0 else ""
    suffix = (f"e{power}" if power else "") if exponent else _DECIMAL_NAMES[power]
    return f"{sign}{text}{suffix}"
