"""Objects in ``application/vnd.kubernetes.protobuf``, which kubectl's ``create`` and every Go client speak.

An object is an envelope (four bytes, then ``runtime.Unknown``) around a message of its kind. What the messages are is
a table of
facts, ``messages.txt``; Google's library reads and writes the wire from it. Here is what the wire and JSON say
differently: times, quantities,
numbers that may be text, raw JSON, and the structs that Go inlines.

Custom resources have no messages, as upstream.

Source: kubernetes.io, reference/using-api/api-concepts, "Kubernetes Protobuf encoding".
"""

from podwalk.api.protobuf.codec import MEDIA_TYPE, WATCH_MEDIA_TYPE, decode, encode, encode_event, serves

__all__ = ["MEDIA_TYPE", "WATCH_MEDIA_TYPE", "decode", "encode", "encode_event", "serves"]
