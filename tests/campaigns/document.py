"""The document of the API as Schemathesis reads it: cases that follow from it, and answers held
against it.
"""

import contextlib
import random

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis import checks as judged
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.parameters import ParameterLocation

CHECKS = [
    judged.not_a_server_error,
    judged.status_code_conformance,
    judged.content_type_conformance,
    judged.response_headers_conformance,
    judged.response_schema_conformance,
]
LIMIT_SECONDS = 60
# What the transport says itself: another value of it would be another request, or none at all.
OF_TRANSPORT = {"host", "content-length", "transfer-encoding", "connection", "expect", "te",
                "upgrade", "trailer", "keep-alive"}
MAX_SHOWN = 600


class Document:
    """A document, and the operations in it."""

    def __init__(self, value):
        self.value = value
        schema = schemathesis.openapi.from_dict(value, config=SchemathesisConfig())
        self.operations = {}
        for found in schema.get_all_operations():
            operation = found.ok()
            self.operations[self.described(operation)["operationId"]] = operation

    def described(self, operation):
        """What the document says of an operation."""
        return self.value["paths"][operation.path][operation.method.lower()]

    def statuses(self, name):
        """The statuses in which an operation may end, as the document says."""
        return {int(status) for status in self.described(self.operations[name])["responses"]}

    def parameters(self, name):
        """Names of an operation's parameters in headers."""
        given = self.described(self.operations[name]).get("parameters", [])
        given = [self.value["components"]["parameters"][one["$ref"].rsplit("/", 1)[1]]
                 if "$ref" in one else one for one in given]
        return {one["name"] for one in given if one["in"] == "header"}

    def cases(self, name, number, begin):
        """So many cases of an operation, valid and invalid by turns, that a seed gives again."""
        operation = self.operations[name]
        made = []
        for turn, mode in enumerate((GenerationMode.POSITIVE, GenerationMode.NEGATIVE)):
            wanted = number // 2 if turn else number - number // 2
            made += _drawn(operation.as_strategy(generation_mode=mode), wanted, begin + turn)
        # One without any parameter or body has no invalid case, and few valid ones.
        distinct = made or [operation.Case()]
        return made + [distinct[at % len(distinct)] for at in range(number - len(made))]


def _drawn(strategy, wanted, begin):
    """Values of a strategy. Fewer than wanted where there are not so many."""
    made = []

    @seed(begin)
    @settings(max_examples=wanted, phases=[Phase.generate], database=None, deadline=None,
              suppress_health_check=list(HealthCheck))
    @given(case=strategy)
    def draw(case):
        made.append(case)

    if wanted:
        with contextlib.suppress(Unsatisfiable):
            draw()
    return made[:wanted]


class Unsendable(Exception):
    """A case that no client can put into a request."""


class Judge:
    """Sends cases, holds answers against the document, and keeps what was seen."""

    def __init__(self, document, port):
        self.document = document
        self.base = f"http://127.0.0.1:{port}"
        self.host = f"localhost:{port}"
        self.session = requests.Session()
        # Neither a proxy nor a file of passwords of this machine.
        self.session.trust_env = False
        self.seen = {}
        self.breaches = []
        self.sent = 0

    def close(self):
        """Closes its connections."""
        self.session.close()

    def send(self, name, case, headers):
        """Sends a case with these headers over its own; judges and gives the answer."""
        own = dict(case.headers or {})
        case.headers = {key: value for key, value in own.items()
                        if key.lower() not in OF_TRANSPORT}
        sent = {"Host": self.host, **headers}
        try:
            answer = case.call(base_url=self.base, session=self.session, headers=sent,
                               timeout=LIMIT_SECONDS, allow_redirects=False)
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL,
                UnicodeError, ValueError) as error:
            raise Unsendable(str(error)) from error
        self.sent += 1
        self.judge(name, case, answer)
        return answer

    def judge(self, name, case, answer):
        """Holds an answer against the document."""
        self.seen.setdefault(name, set()).add(answer.status_code)
        try:
            case.validate_response(answer, checks=CHECKS)
        except (Failure, FailureGroup) as failure:
            said = f": {answer.text[:200]}" if answer.status_code >= 500 else ""
            self.breaches.append(f"{name} {answer.status_code}: {_words(failure)}{said}")

    def made(self, name, path=None, query=None, headers=None, body=None, media_type=None):
        """A case of one's own."""
        operation = self.document.operations[name]
        given = {"path_parameters": path or {}, "query": query or {}, "headers": headers or {}}
        if body is not None:
            given |= {"body": body, "media_type": media_type or "application/json"}
        return operation.Case(**given)


def has_invalid_body(case):
    """Whether a case was made with a body that is not what the document says."""
    of_body = case.meta and case.meta.components.get(ParameterLocation.BODY)
    return bool(of_body) and of_body.mode.is_negative


def _words(failure):
    inner = getattr(failure, "exceptions", None) or [failure]
    return "; ".join(" ".join(str(one).split()) for one in inner)[:MAX_SHOWN]


def shuffled(cases, rng):
    """The same cases in another order."""
    cases = list(cases)
    rng.shuffle(cases)
    return cases


def generator(*parts):
    """A generator of random numbers that follows from these."""
    return random.Random("/".join(map(str, parts)))
