"""The canonical ZIP of a bundle, read as docs/FORMATS.md says: rebuild every header, compare."""

import re
import struct
import zlib

from conventions import need

LARGE, MANY = 0xFFFFFFFF, 0xFFFF
STEP = "[A-Za-z0-9_][A-Za-z0-9_.-]*"
NAME = re.compile(f"{STEP}(/{STEP})*", re.A)


def pack(form, *values):
    return struct.pack("<" + form, *values)


def extra(*fields):
    return pack("HH", 1, 8 * len(fields)) + pack("Q" * len(fields), *fields) if fields else b""


def shared(crc, length):
    low = min(length, LARGE)
    return pack("HHHHHIII", 0x2D, 0x800, 0, 0, 0x21, crc, low, low)


def local_header(name, length, crc):
    more = extra(length, length) if length >= LARGE else b""
    return b"PK\3\4" + shared(crc, length) + pack("HH", len(name), len(more)) + name + more


def central_header(name, length, crc, offset):
    large = (length, length) if length >= LARGE else ()
    more = extra(*large, *((offset,) if offset >= LARGE else ()))
    head = b"PK\1\2" + pack("H", 0x2D) + shared(crc, length) + pack("HH", len(name), len(more))
    return head + pack("HHHII", 0, 0, 0, 0, min(offset, LARGE)) + name + more


def end_records(count, size, offset):
    long = b""
    if count >= MANY or size >= LARGE or offset >= LARGE:
        long = b"PK\6\6" + pack("QHHIIQQQQ", 44, 0x2D, 0x2D, 0, 0, count, count, size, offset)
        long += b"PK\6\7" + pack("IQI", 0, offset + size, 1)
    few = min(count, MANY)
    short = pack("HHHHIIH", 0, 0, few, few, min(size, LARGE), min(offset, LARGE), 0)
    return long + b"PK\5\6" + short


def order(name):
    return (name != "bundle.note", name.encode())


def read(data):
    """Names with the place of their bytes and their CRC-32, in order; all headers compared."""
    need(len(data) >= 22, "too short")
    _, _, _, count, size, offset, _ = struct.unpack("<HHHHIIH", data[-18:])
    if len(data) >= 98:
        long = struct.unpack("<QQQ", data[-66:-42])
        count = long[0] if count == MANY else count
        size = long[1] if size == LARGE else size
        offset = long[2] if offset == LARGE else offset
    need(count <= 200_000, "too many files")
    end = end_records(count, size, offset)
    need(offset + size + len(end) == len(data) and data.endswith(end), "its end records")
    files, folded, at, next_local = {}, set(), offset, 0
    for _ in range(count):
        name, length, crc, header = central(data, at, next_local)
        need(not files or order(last) < order(name), "not in order")
        need(name.lower() not in folded, "two names differ only in case")
        folded.add(name.lower())
        need(data[at : at + len(header)] == header, "a central header")
        at, last = at + len(header), name
        local = local_header(name.encode(), length, crc)
        need(data[next_local : next_local + len(local)] == local, "a local header")
        begin = next_local + len(local)
        files[name] = (begin, begin + length, crc)
        next_local = begin + length
        need(next_local <= offset, "a file longer than the archive")
    need("bundle.note" in files and at == offset + size and next_local == offset, "its directory")
    return files


def central(data, at, offset):
    """Reads what cannot be known, and makes the header that it demands."""
    head = data[at : at + 46]
    need(len(head) == 46, "too short")
    crc, length = struct.unpack("<I", head[16:20])[0], struct.unpack("<I", head[24:28])[0]
    name_length, extra_length = struct.unpack("<HH", head[28:32])
    name = data[at + 46 : at + 46 + name_length].decode("latin-1")
    need(len(name) <= 200 and NAME.fullmatch(name), "a file name")
    if length == LARGE:
        more = data[at + 46 + name_length :][:extra_length]
        need(len(more) >= 12, "a central header")
        length = struct.unpack("<Q", more[4:12])[0]
    return name, length, crc, central_header(name.encode(), length, crc, offset)


def crc_is(data, file):
    begin, end, crc = file
    return zlib.crc32(data[begin:end]) == crc
