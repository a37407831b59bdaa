"""Best practice as rules that can be run: what is open, unready, unexplained or too powerful in a namespace."""

from podwalk.reviews.finding import Finding
from podwalk.reviews.review import RULES, Review, review

__all__ = ["RULES", "Finding", "Review", "review"]
