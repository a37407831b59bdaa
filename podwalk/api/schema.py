"""The typed side of the API, in one name: fields and their types, and the decoding of bodies into them."""

from podwalk.api.decoding import FieldValidation, decode
from podwalk.api.fields import FieldType, describe, field, root

__all__ = ["FieldType", "FieldValidation", "decode", "describe", "field", "root"]
