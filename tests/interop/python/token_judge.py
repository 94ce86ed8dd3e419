"""Tokens of time authorities (RFC 3161), judged by `openssl ts -verify`.

`token_judge.py` without arguments judges `tests/vectors/timestamp.json`. What stands here itself is
little: where the imprint and the time are, and whose the token can be. All else is openssl's word.
"""

import base64
import json
import re
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from conventions import Refused, need

VECTORS = Path(__file__).parents[2] / "vectors" / "timestamp.json"
LIMIT = 65536
# Words of openssl for a token that holds by itself, and is nobody's whom one knows.
UNKNOWN = ("unable to get local issuer certificate", "self-signed certificate in certificate chain",
           "unable to get issuer certificate", "unable to verify the first certificate")


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, check=False)
    return done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")


class Token:
    """One reply. `imprint` is what it stamps, `time` when."""

    def __init__(self, data):
        need(len(data) <= LIMIT, "longer than its limit")
        self.data = data
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "reply"
            file.write_bytes(data)
            good, told = openssl("ts", "-reply", "-in", str(file), "-text")
        need(good and re.search("^Status: Granted", told, re.M), "no reply with a token")
        need("Hash Algorithm: sha256" in told, "not SHA-256")
        lines = re.search("Message data:\n((?:    [0-9a-f]{4} - .*\n)+)", told)
        need(lines, "no imprint")
        digits = "".join(line[11:58] for line in lines[1].splitlines())
        self.imprint = bytes.fromhex("".join(re.findall("[0-9a-f]{2}", digits)))
        stamp = re.search(r"Time stamp: (\w{3} +\d+ \d\d:\d\d:\d\d)(?:[.]\d+)? (\d{4}) GMT", told)
        need(stamp, "no time")
        time = datetime.strptime(f"{stamp[1]} {stamp[2]}", "%b %d %H:%M:%S %Y")
        self.time = int(time.replace(tzinfo=timezone.utc).timestamp())

    def vouched_by(self, authorities):
        """The name of the authority; None where it is another's; False where it does not hold."""
        seen = [self.judged(certificate) for _, certificate in authorities]
        for (name, _), told in zip(authorities, seen):
            if told == "":
                return name
        strange = all(any(word in told for word in UNKNOWN) for told in seen)
        return None if strange else False

    def judged(self, certificate):
        """Empty, or what openssl says against the token under this certificate."""
        with tempfile.TemporaryDirectory() as folder:
            reply, trusted = Path(folder) / "reply", Path(folder) / "trusted.pem"
            reply.write_bytes(self.data)
            body = base64.encodebytes(certificate).decode()
            trusted.write_text(f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n")
            good, told = openssl("ts", "-verify", "-digest", self.imprint.hex(), "-in", str(reply),
                                 "-CAfile", str(trusted), "-partial_chain", "-attime", str(self.time))
        return "" if good else told


def main():
    vectors = json.loads(VECTORS.read_text())
    known = [(name, base64.b64decode(text)) for name, text in vectors["authorities"].items()]
    wrong, count = [], 0
    for vector in vectors["valid"]:
        if vector["name"] == "rsa-pss":
            # `openssl ts` reads tokens as PKCS #7, which has no RSA-PSS.
            continue
        token = Token(base64.b64decode(vector["reply"]))
        found = token.vouched_by(known)
        count += 1
        if found != vector["authority"] or token.imprint.hex() != vectors["imprint"]:
            wrong.append(f"{vector['name']}: {found}")
    # What openssl takes beyond RFC 3161's own words, or is not asked here: the nonce, the policy,
    # an order, a form of DER.
    for vector in vectors["invalid"]:
        if vector["error"] not in ("Signature", "Content", "Imprint", "NotValidThen", "UnknownAuthority", "Rejected"):
            continue
        count += 1
        try:
            token = Token(base64.b64decode(vector["reply"]))
            good = token.vouched_by(known) and token.imprint.hex() == vectors["imprint"]
        except Refused:
            good = False
        if good:
            wrong.append(f"{vector['name']}: taken")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{count - len(wrong)} passed, {len(wrong)} failed")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
