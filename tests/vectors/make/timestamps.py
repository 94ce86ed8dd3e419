"""Writes `timestamp.json`: tokens of local authorities, `python3 tests/vectors/make/timestamps.py`.

Every valid reply is by `openssl ts`; what it refuses to make is put together here and signed with
`openssl cms`. Keys are made anew each time and thrown away, so the file is frozen: it is written
once, and a new run is a new file. Needs openssl 3.
"""

import base64
import hashlib
import json
import pathlib
import re
import subprocess
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent.parent
POLICY = "1.3.6.1.4.1.55555.1"
OTHER_POLICY = "1.3.6.1.4.1.55555.2"
NONCE = 0x8123456789ABCDEF
CONFIG = f"""
[ca]
default_ca = issuing
[issuing]
dir = .
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = anything
unique_subject = no
[anything]
commonName = supplied
[req]
distinguished_name = names
[names]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[stamping]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[not_critical]
extendedKeyUsage = timeStamping
[and_more]
extendedKeyUsage = critical,timeStamping,emailProtection
[for_mail]
extendedKeyUsage = critical,emailProtection
[for_keys]
keyUsage = critical,keyEncipherment
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = t
[t]
serial = tsaserial
crypto_device = builtin
default_policy = {POLICY}
other_policies = {OTHER_POLICY}
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


def tlv(tag, *parts):
    content = b"".join(parts)
    n = len(content)
    if n < 128:
        return bytes([tag, n]) + content
    length = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def integer(n):
    return tlv(2, n.to_bytes(n.bit_length() // 8 + 1, "big"))


def oid(text):
    first, second, *rest = map(int, text.split("."))
    out = bytearray([40 * first + second])
    for part in rest:
        septets = [part & 0x7F]
        while part := part >> 7:
            septets.append(part & 0x7F | 0x80)
        out += bytes(reversed(septets))
    return tlv(6, bytes(out))


def children(data):
    """The elements one after the other: (tag, content, whole)."""
    at, found = 0, []
    while at < len(data):
        begin, tag, n = at, data[at], data[at + 1]
        at += 2
        if n & 0x80:
            size = n & 0x7F
            n = int.from_bytes(data[at:at + size], "big")
            at += size
        found.append((tag, data[at:at + n], data[begin:at + n]))
        at += n
    return found


SHA256 = tlv(0x30, oid("2.16.840.1.101.3.4.2.1"))
SHA1 = tlv(0x30, oid("1.3.14.3.2.26"))


def info(imprint, time, nonce=NONCE, policy=POLICY, version=1, algorithm=SHA256, tail=b"", ordering=b""):
    return tlv(0x30, integer(version), oid(policy), tlv(0x30, algorithm, tlv(4, imprint)), integer(7),
               tlv(0x18, time.encode()), ordering, integer(nonce) if nonce is not None else b"", tail)


def reply(token, status=0):
    return tlv(0x30, tlv(0x30, integer(status)), token)


class Maker:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.write("config", CONFIG.encode())
        for name, text in {"index.txt": b"", "serial": b"1000\n", "tsaserial": b"01\n"}.items():
            self.write(name, text)

    def write(self, name, data):
        (self.folder / name).write_bytes(data)

    def run(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def key(self, name, kind):
        options = {"rsa": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]}.get(
            kind, ["EC", "-pkeyopt", f"ec_paramgen_curve:{kind}"])
        self.run("genpkey", "-algorithm", *options, "-out", f"{name}.key")

    def root(self, name, kind):
        self.key(name, kind)
        self.run("req", "-new", "-config", "config", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", "csr")
        self.run("ca", "-batch", "-selfsign", "-config", "config", "-keyfile", f"{name}.key", "-in", "csr",
                 "-extensions", "authority", "-startdate", "20200101000000Z", "-enddate", "20600101000000Z",
                 "-notext", "-out", f"{name}.pem")

    def issue(self, name, kind, issuer, extensions, start="20250101000000Z", end="20400101000000Z"):
        self.key(name, kind)
        self.run("req", "-new", "-config", "config", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", "csr")
        self.run("ca", "-batch", "-config", "config", "-cert", f"{issuer}.pem", "-keyfile", f"{issuer}.key",
                 "-in", "csr", "-extensions", extensions, "-startdate", start, "-enddate", end, "-notext",
                 "-out", f"{name}.pem")

    def der(self, name):
        text = (self.folder / f"{name}.pem").read_text()
        body = re.search("-----BEGIN CERTIFICATE-----(.*?)-----END", text, re.S)[1]
        return base64.b64decode(body)

    def stamp(self, imprint, signer, chain=(), policy=POLICY, nonce=NONCE, digest="sha256", certificates=True):
        """A reply by `openssl ts`."""
        query = tlv(0x30, integer(1), tlv(0x30, SHA256, tlv(4, imprint)), oid(policy), integer(nonce),
                    tlv(1, b"\xff") if certificates else b"")
        self.write("query", query)
        more = []
        if chain:
            self.write("chain.pem", b"".join((self.folder / f"{c}.pem").read_bytes() for c in chain))
            more = ["-chain", "chain.pem"]
        self.run("ts", "-reply", "-config", "config", "-queryfile", "query", "-signer", f"{signer}.pem",
                 "-inkey", f"{signer}.key", f"-{digest}", *more, "-out", "reply")
        return (self.folder / "reply").read_bytes()

    def sign(self, content, signer, chain=(), cades=True, md="sha256", kind="1.2.840.113549.1.9.16.1.4", options=()):
        """A token over any content, by `openssl cms`."""
        self.write("content", content)
        more = ["-cades"] if cades else []
        for name in chain:
            more += ["-certfile", f"{name}.pem"]
        self.run("cms", "-sign", "-binary", "-nodetach", "-econtent_type", kind, "-in", "content", "-signer",
                 f"{signer}.pem", "-inkey", f"{signer}.key", "-md", md, "-outform", "DER", "-out", "token",
                 *more, *options)
        return (self.folder / "token").read_bytes()


def rebuilt(data, path, change):
    """The same bytes with the content of one inner element changed; `path` counts elements."""
    found = children(data)
    tag, content, whole = found[path[0]]
    new = change(content) if len(path) == 1 else rebuilt(content, path[1:], change)
    parts = [tlv(tag, new) if n == path[0] else other for n, (_, _, other) in enumerate(found)]
    return b"".join(parts)


# Steps from a reply to its parts: SignedData is the second element of the token.
SIGNED_DATA = [0, 1, 1, 0]


def members(content):
    return [whole for _, _, whole in children(content)]


def unsorted(content):
    return b"".join(sorted(members(content), reverse=True))


def in_order(data):
    certificates = members(rebuilt_part(data, SIGNED_DATA + [3]))
    return certificates == sorted(certificates)


def rebuilt_part(data, path):
    for step in path:
        data = children(data)[step][1]
    return data


def vectors(m):
    m.root("Root R", "rsa")
    m.root("Root E", "P-384")
    m.root("Stranger", "P-256")
    m.issue("Between", "rsa", "Root R", "authority")
    m.issue("Stamp R", "rsa", "Between", "stamping")
    m.issue("Stamp E", "P-256", "Root E", "stamping")
    m.issue("Stamp F", "P-384", "Root E", "stamping")
    m.issue("Stamp S", "P-256", "Stranger", "stamping")
    m.issue("Ended", "P-256", "Root E", "stamping", "20200101000000Z", "20210101000000Z")
    m.issue("Not critical", "P-256", "Root E", "not_critical")
    m.issue("And more", "P-256", "Root E", "and_more")
    m.issue("For mail", "P-256", "Root E", "for_mail")
    m.issue("For keys", "P-256", "Root E", "for_keys")
    m.issue("No authority", "P-256", "Root E", "stamping")
    m.issue("Below it", "P-256", "No authority", "stamping")
    with zipfile.ZipFile(HERE / "bundle/valid.zip") as archive:
        note = archive.read("checkpoints/7.note").decode()
        old = archive.read("checkpoints/3.note").decode()
    def stamped(note):
        # Of this log the first line is the log's own.
        text, lines = note.split("\n\n")
        return f"{text}\n\n{lines.split(chr(10))[0]}\n".encode()
    over = stamped(note)
    imprint = hashlib.sha256(over).digest()
    then = "20260921143000Z"
    rsa = m.stamp(imprint, "Stamp R", ["Between", "Root R"])
    ec = m.stamp(imprint, "Stamp E", ["Root E"])
    valid, invalid = [], []

    def b64(data):
        return base64.b64encode(data).decode()

    def good(name, data, authority, micros=None):
        valid.append({"name": name, "authority": authority, "micros": micros, "sorted": in_order(data),
                      "reply": b64(data)})

    def bad(name, data, error):
        invalid.append({"name": name, "error": error, "reply": b64(data)})

    good("rsa-by-openssl-ts", rsa, "Root R")
    good("ecdsa-p256-by-openssl-ts", ec, "Root E")
    good("ecdsa-p384-by-openssl-ts", m.stamp(imprint, "Stamp F", ["Root E"], digest="sha384"), "Root E")
    good("rsa-sha512-by-openssl-ts", m.stamp(imprint, "Stamp R", ["Between", "Root R"], digest="sha512"), "Root R")
    good("in-the-order-of-der", rebuilt(rsa, SIGNED_DATA + [3], lambda c: b"".join(sorted(members(c)))), "Root R")
    good("without-the-root", m.stamp(imprint, "Stamp R", ["Between"]), "Root R")
    good("fraction-of-a-second", reply(m.sign(info(imprint, "20260921143000.25Z"), "Stamp E")), "Root E",
         1790001000250000)
    good("granted-with-changes", reply(m.sign(info(imprint, then), "Stamp E"), 1), "Root E", 1790001000000000)
    good("rsa-pss", reply(m.sign(info(imprint, then), "Stamp R", ["Between"],
                                 options=["-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:32"])),
         "Root R", 1790001000000000)

    def crafted(**changes):
        return reply(m.sign(info(**{"imprint": imprint, "time": then, **changes}), "Stamp E"))

    bad("wrong-imprint", m.stamp(hashlib.sha256(b"another").digest(), "Stamp E", ["Root E"]), "Imprint")
    bad("imprint-by-sha-1", crafted(imprint=bytes(20), algorithm=SHA1), "Digest")
    bad("wrong-nonce", m.stamp(imprint, "Stamp E", ["Root E"], nonce=1), "Nonce")
    bad("without-nonce", crafted(nonce=None), "Nonce")
    bad("nonce-that-begins-alike", crafted(nonce=(NONCE << 64) + NONCE), "Nonce")
    bad("other-policy", m.stamp(imprint, "Stamp E", ["Root E"], policy=OTHER_POLICY), "Policy")
    bad("version-2", crafted(version=2), "Form")
    bad("time-without-zone", crafted(time="20260921143000"), "Form")
    bad("time-with-zeros-at-its-end", crafted(time="20260921143000.50Z"), "Form")
    bad("time-that-is-none", crafted(time="20260931143000Z"), "Form")
    bad("false-that-is-written", crafted(ordering=tlv(1, b"\0")), "Form")
    bad("critical-extension", crafted(tail=tlv(0xA1, tlv(0x30, oid("1.2.3.4"), tlv(1, b"\xff"), tlv(4, b"x")))), "Form")
    bad("spare-element", crafted(tail=tlv(0xA2, integer(1))), "Form")
    bad("rejected", tlv(0x30, tlv(0x30, integer(2), tlv(0x30, tlv(12, b"no")), tlv(3, b"\x05\x20"))), "Rejected")
    bad("rejected-beside-a-token", reply(children(children(ec)[0][1])[1][2], 2), "Rejected")
    bad("granted-without-token", tlv(0x30, tlv(0x30, integer(0))), "Form")
    bad("certificates-unsorted", rebuilt(rsa, SIGNED_DATA + [3], unsorted), "Unsorted")
    bad("attributes-unsorted", rebuilt(ec, SIGNED_DATA + [4, 0, 3], unsorted), "Unsorted")
    bad("certificates-left-out", rebuilt(ec, SIGNED_DATA + [3], lambda _: b""), "Signer")
    bad("without-certificates-asked-for", m.stamp(imprint, "Stamp E", certificates=False), "Signer")
    bad("signer-is-another", rebuilt(ec, SIGNED_DATA + [3], lambda _: m.der("Stamp F")), "Signer")
    bad("no-signing-certificate", reply(m.sign(info(imprint, then), "Stamp E", cades=False)), "Attribute")
    bad("no-signed-attributes", reply(m.sign(info(imprint, then), "Stamp E", cades=False, options=["-noattr"])), "Form")
    bad("content-of-another-type", reply(m.sign(info(imprint, then), "Stamp E", kind="1.2.840.113549.1.7.1")), "Form")
    bad("content-changed", rebuilt(ec, SIGNED_DATA + [2, 1], lambda c: c.replace(integer(NONCE), integer(NONCE ^ 1))),
        "Content")
    bad("signature-changed", rebuilt(rsa, SIGNED_DATA + [4, 0, 5], lambda s: s[:-1] + bytes([s[-1] ^ 1])), "Signature")
    bad("attribute-changed", rebuilt(rsa, SIGNED_DATA + [4, 0, 3],
                                     lambda a: a.replace(b"\x17\x0d26", b"\x17\x0d27")), "Signature")
    bad("two-signers", rebuilt(ec, SIGNED_DATA + [4], lambda s: s + s), "Form")
    bad("certificate-ended", reply(m.sign(info(imprint, then), "Ended", ["Root E"])), "NotValidThen")
    bad("time-before-the-certificate", reply(m.sign(info(imprint, "20240101000000Z"), "Stamp E", ["Root E"])),
        "NotValidThen")
    for name, signer in {"usage-not-critical": "Not critical", "usage-and-more": "And more",
                         "usage-for-mail": "For mail", "key-usage-not-for-signatures": "For keys"}.items():
        bad(name, reply(m.sign(info(imprint, then), signer, ["Root E"])), "Usage")
    bad("authority-unknown", m.stamp(imprint, "Stamp S", ["Stranger"]), "UnknownAuthority")
    bad("issuer-left-out", m.stamp(imprint, "Stamp R"), "UnknownAuthority")
    bad("issuer-is-no-authority", reply(m.sign(info(imprint, then), "Below it", ["No authority", "Root E"])), "UnknownAuthority")
    bad("cut-short", ec[:-1], "Form")
    bad("spare-byte", ec + b"\0", "Form")
    bad("longer-than-64-kib", tlv(0x30, bytes(1 << 16)), "TooLong")
    bad("length-not-shortest", b"\x30\x83\x00" + ec[2:4] + ec[4:], "Form")
    bad("length-indefinite", b"\x30\x80" + ec[4:] + b"\0\0", "Form")
    bad("empty", b"", "Form")
    bad("text", b"<html>not a time stamp</html>", "Form")
    older = hashlib.sha256(stamped(old)).digest()
    bundle = {
        "newest": b64(reply(m.sign(info(imprint, then), "Stamp R", ["Between"]))),
        "older": b64(reply(m.sign(info(older, "20260921142100.5Z"), "Stamp E"))),
        "stranger": b64(reply(m.sign(info(imprint, then), "Stamp S"))),
        "ended": b64(reply(m.sign(info(imprint, then), "Ended", ["Root E"]))),
    }
    return {
        "stamped": over.decode(),
        "imprint": imprint.hex(),
        "nonce": str(NONCE),
        "policy": POLICY,
        "request": tlv(0x30, integer(1), tlv(0x30, SHA256, tlv(4, imprint)), oid(POLICY), integer(NONCE),
                       tlv(1, b"\xff")).hex(),
        "authorities": {name: b64(m.der(name)) for name in ["Root R", "Root E"]},
        "signer": {"name": "Stamp E", "certificate": b64(m.der("Stamp E")),
                   "reply": b64(m.stamp(imprint, "Stamp E", certificates=False))},
        "valid": valid,
        "invalid": invalid,
        "bundle": bundle,
    }


with tempfile.TemporaryDirectory() as folder:
    text = json.dumps(vectors(Maker(folder)), indent=1, ensure_ascii=True) + "\n"
(HERE / "timestamp.json").write_text(text)
print(f"{len(json.loads(text)['valid'])} valid, {len(json.loads(text)['invalid'])} invalid")
