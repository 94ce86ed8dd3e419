"""JSON, hex, base64 and decimals, read as docs/FORMATS.md says, without code of the program."""

import base64
import hashlib
import json
import re

LARGEST = (1 << 53) - 1


class Refused(Exception):
    """Something is not of its form, or does not hold."""


def need(holds, what):
    if not holds:
        raise Refused(what)


def sha256(data):
    return hashlib.sha256(data).digest()


def canonical(value):
    """The JCS of a value that JSON of the formats may hold."""
    return _jcs(value, 0).encode()


def _jcs(value, above):
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        need(abs(value) <= LARGEST, "a number of 2^53 or more")
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    need(above < 16, "deeper than 16")
    if isinstance(value, list):
        return "[" + ",".join(_jcs(v, above + 1) for v in value) + "]"
    names = sorted(value, key=lambda name: name.encode("utf-16-be"))
    inside = (_jcs(n, above) + ":" + _jcs(value[n], above + 1) for n in names)
    return "{" + ",".join(inside) + "}"


def bound(data):
    """What follows a bracket or a comma outside strings is counted before it is made."""
    bare = re.sub(rb'"(?:[^"\\]|\\.)*"', b'', data, flags=re.S)
    objects = bare.count(b"{")
    need(objects <= 1 << 18, "more than 262,144 objects")
    need(objects + bare.count(b"[") + bare.count(b",") <= 1 << 20, "more than 1,048,576 values")


def parse_json(data):
    def no_fraction(text):
        raise Refused(f"`{text}` is no integer")

    bound(data)
    try:
        value = json.loads(data.decode(), parse_float=no_fraction, parse_constant=no_fraction)
        need(canonical(value) == data, "not canonical")
    except (ValueError, RecursionError) as error:
        raise Refused("not JSON") from error
    return value


def members(value, *names):
    """The members of an object that has exactly these."""
    need(isinstance(value, dict) and set(value) == set(names), f"not an object of {names}")
    return [value[name] for name in names]


def is_integer(value, least=0):
    return type(value) is int and least <= value <= LARGEST


def is_hex(value, length):
    return isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{2 * length}}}", value, re.A)


def unhex(value, length):
    need(is_hex(value, length), f"not {length} bytes of hex")
    return bytes.fromhex(value)


def unbase64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Refused("not base64") from error
    need(base64.b64encode(data).decode() == text, "base64 with stray bits")
    return data


def base64_hash(text):
    data = unbase64(text)
    need(len(data) == 32, "not a hash")
    return data


def decimal(text):
    need(re.fullmatch("0|[1-9][0-9]*", text, re.A) and len(text) <= 16, "not a decimal")
    need(int(text) <= LARGEST, "a decimal of 2^53 or more")
    return int(text)
