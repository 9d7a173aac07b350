"""Credentials of clouds: a service account's tokens for Vertex, AWS's usual places for Bedrock; got, used, renewed."""

import base64
import concurrent.futures
import datetime
import json
import threading
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from harness.gateway import eventually

EMAIL = "caller@project-1.iam.gserviceaccount.com"
PROMPT = [{"role": "user", "content": "Grüße"}]
GEMINI_ANSWER = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3},
}
BEDROCK_ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
}
VERTEX_PATH = "/v1/projects/project-1/locations/europe-west1/publishers/google/models/gem"


def chat(gateway, model):
    return httpx.post(
        f"{gateway.url}/v1/chat/completions", headers={"authorization": f"Bearer {gateway.key}"},
        json={"model": model, "messages": PROMPT}, timeout=20,
    )


def chat_well(gateway, model):
    answer = chat(gateway, model)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == "Hello"
    return answer


def status_and_code(answer):
    return answer.status_code, answer.json()["error"]["code"]


def assert_kept_secret(gateway, secrets, answer):
    """At the level `trace` too nothing of a credential is in the log, which has got as far as this answer, nor in it."""
    gateway.access(answer.headers["x-request-id"])
    texts = [gateway.log_file.read_text(errors="replace"), gateway.output, answer.text + str(answer.headers)]
    for secret in secrets:
        assert secret and all(secret not in text for text in texts)


# Vertex


class TokenEndpoint:
    """Gives `token-1`, `token-2`, … for an hour each, unless it is told otherwise."""

    def __init__(self, origin):
        self.given = 0
        self.override = None
        self.origin = origin(self.answer)
        self.uri = self.origin.url + "/oauth/token"

    def answer(self, _):
        if self.override:
            return self.override
        self.given += 1
        return 200, {"access_token": f"ya29.token-{self.given}", "expires_in": 3600, "token_type": "Bearer"}

    @property
    def requests(self):
        return self.origin.requests

    def assertion(self, number):
        """The signed statement of a request for a token."""
        request = self.requests[number]
        assert (request.method, request.target) == ("POST", "/oauth/token")
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        form = urllib.parse.parse_qs(request.body.decode(), strict_parsing=True)
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"] and len(form) == 2
        (text,) = form["assertion"]
        return text


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Vertex:
    """A provider's configuration, with its server, its token endpoint and its account's file."""

    def __init__(self, origin, folder, key, token_uri=None):
        self.tokens = TokenEndpoint(origin)
        self.origin = origin(lambda request: (200, self.reply(request)))
        self.pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        self.account = {
            "type": "service_account",
            "project_id": "project-1",
            "private_key_id": "key-id-1",
            "private_key": self.pem,
            "client_email": EMAIL,
            "token_uri": token_uri or self.tokens.uri,
        }
        self.file = folder / "account.json"
        self.write(self.account)

    @staticmethod
    def reply(request):
        return {"totalTokens": 5} if request.path.endswith(":countTokens") else GEMINI_ANSWER

    def write(self, account):
        self.file.write_text(account if isinstance(account, str) else json.dumps(account))
        self.file.chmod(0o600)

    def configuration(self, **more):
        provider = {
            "name": "vertex", "kind": "vertex", "baseURL": self.origin.url, "project": "project-1",
            "region": "europe-west1", "credentialsFile": str(self.file), **more,
        }
        return {"providers": [provider], "logging": {"level": "trace"}}

    def carried(self):
        """The authorization of every call, in order."""
        return [request.headers.get("authorization") for request in self.origin.requests]

    def secrets(self):
        """What nobody may see: lines of the key, assertions, tokens."""
        assertions = [self.tokens.assertion(number) for number in range(len(self.tokens.requests))]
        return [*self.pem.splitlines()[1:-1], *assertions, "ya29."]


@pytest.fixture
def vertex(origin, tmp_path, key):
    return Vertex(origin, tmp_path, key)


def decoded(part):
    assert "=" not in part
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_service_account_is_exchanged_for_a_token(start, vertex, key):
    gateway = start(vertex.configuration())
    before = int(time.time())
    answer = chat(gateway, "vertex/gem")
    after = int(time.time())
    assert answer.status_code == 200 and answer.json()["choices"][0]["message"]["content"] == "Hello"
    (call,) = vertex.origin.requests
    assert call.path == VERTEX_PATH + ":generateContent"
    assert call.headers["authorization"] == "Bearer ya29.token-1"
    assert "x-goog-api-key" not in call.headers and gateway.key not in str(call.headers)
    head, claims, signature = vertex.tokens.assertion(0).split(".")
    key.public_key().verify(decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    assert json.loads(decoded(head)) == {"alg": "RS256", "typ": "JWT", "kid": "key-id-1"}
    claims = json.loads(decoded(claims))
    assert claims["iss"] == EMAIL and claims.get("sub", EMAIL) == EMAIL
    assert claims["aud"] == vertex.tokens.uri
    assert "https://www.googleapis.com/auth/cloud-platform" in claims["scope"].split(" ")
    assert before <= claims["iat"] <= after and 0 < claims["exp"] - claims["iat"] <= 3600
    assert_kept_secret(gateway, vertex.secrets(), answer)


def test_the_account_may_come_from_the_environment(start, vertex):
    configuration = vertex.configuration()
    del configuration["providers"][0]["credentialsFile"]
    gateway = start(configuration, env={"GOOGLE_APPLICATION_CREDENTIALS": str(vertex.file)})
    chat_well(gateway, "vertex/gem")
    assert vertex.carried() == ["Bearer ya29.token-1"]


def test_every_sort_of_call_carries_the_token(start, vertex):
    gateway = start(vertex.configuration())
    key = {"x-goog-api-key": gateway.key}
    contents = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
    native = httpx.post(f"{gateway.url}/v1beta/models/vertex/gem:generateContent", headers=key, json=contents, timeout=20)
    assert native.status_code == 200 and native.json() == GEMINI_ANSWER
    count = httpx.post(f"{gateway.url}/v1beta/models/vertex/gem:countTokens", headers=key, json=contents, timeout=20)
    assert count.status_code == 200 and count.json() == {"totalTokens": 5}
    body = {"model": "vertex/gem", "system": "Be brief", "messages": PROMPT}
    counted = httpx.post(f"{gateway.url}/v1/messages/count_tokens", headers=key, json=body, timeout=20)
    assert counted.status_code == 200 and counted.json() == {"input_tokens": 5}
    assert vertex.origin.paths() == [VERTEX_PATH + ":generateContent"] + [VERTEX_PATH + ":countTokens"] * 2
    assert set(vertex.origin.requests[2].json()) == {"contents", "systemInstruction"}, "Vertex nests nothing"
    assert set(vertex.carried()) == {"Bearer ya29.token-1"}
    assert len(vertex.tokens.requests) == 1


def test_one_token_serves_all_calls(start, vertex):
    gateway = start(vertex.configuration())
    together = threading.Barrier(12)

    def call():
        together.wait(20)
        chat_well(gateway, "vertex/gem")

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        for done in [pool.submit(call) for _ in range(12)]:
            done.result()
    assert vertex.carried() == ["Bearer ya29.token-1"] * 12
    assert len(vertex.tokens.requests) == 1


def test_a_token_is_renewed_before_its_end(start, vertex, clock):
    gateway = start(vertex.configuration(), env=clock.environment)
    chat_well(gateway, "vertex/gem")
    clock.forward(3000)
    chat_well(gateway, "vertex/gem")
    assert len(vertex.tokens.requests) == 1
    clock.forward(450)
    # Nobody waits for the new one while the old one is good.
    answer = chat_well(gateway, "vertex/gem")
    assert vertex.carried() == ["Bearer ya29.token-1"] * 3

    def carries_the_new():
        chat_well(gateway, "vertex/gem")
        return vertex.carried()[-1] == "Bearer ya29.token-2"

    eventually(carries_the_new, what="a call with the new token")
    assert len(vertex.tokens.requests) == 2
    claims = [json.loads(decoded(vertex.tokens.assertion(number).split(".")[1])) for number in range(2)]
    assert claims[1]["iat"] - claims[0]["iat"] >= 3450
    assert_kept_secret(gateway, vertex.secrets(), answer)


def test_a_token_that_has_ended_is_not_used(start, vertex, clock):
    gateway = start(vertex.configuration(), env=clock.environment)
    chat_well(gateway, "vertex/gem")
    clock.forward(3600)
    chat_well(gateway, "vertex/gem")
    assert vertex.carried() == ["Bearer ya29.token-1", "Bearer ya29.token-2"]


def test_a_renewal_that_fails_disturbs_nobody_before_the_end(start, vertex, clock):
    gateway = start(vertex.configuration(), env=clock.environment)
    chat_well(gateway, "vertex/gem")
    vertex.tokens.override = (503, {"error": "unavailable"})
    clock.forward(3400)
    chat_well(gateway, "vertex/gem")
    eventually(lambda: len(vertex.tokens.requests) == 2, what="an attempt to renew")
    chat_well(gateway, "vertex/gem")
    assert set(vertex.carried()) == {"Bearer ya29.token-1"}
    clock.forward(200)
    assert status_and_code(chat(gateway, "vertex/gem")) == (502, "upstream_error")
    assert len(vertex.carried()) == 3, "no call without a good token"
    vertex.tokens.override = None
    clock.forward(60)
    chat_well(gateway, "vertex/gem")
    assert vertex.carried()[-1] == "Bearer ya29.token-2"


WORDS = "words-of-the-endpoint"
TOKEN_TROUBLE = {
    "refused": ((400, {"error": "invalid_grant", "error_description": WORDS}), "upstream_auth_failed"),
    "unauthorized": ((401, {"error": "invalid_client", "error_description": WORDS}), "upstream_auth_failed"),
    "defect": ((500, WORDS.encode()), "upstream_error"),
    "page": ((200, f"<html>{WORDS}</html>".encode(), "text/html"), "upstream_auth_failed"),
    "no token": ((200, {"expires_in": 3600, "hint": WORDS}), "upstream_auth_failed"),
    "empty token": ((200, {"access_token": "", "hint": WORDS}), "upstream_auth_failed"),
    "token of another kind": ((200, {"access_token": [WORDS]}), "upstream_auth_failed"),
    "token that splits a header": ((200, {"access_token": f"{WORDS}\r\nx-evil: 1"}), "upstream_auth_failed"),
}


@pytest.mark.parametrize("trouble", TOKEN_TROUBLE)
def test_trouble_at_the_token_endpoint(start, vertex, clock, trouble):
    vertex.tokens.override, code = TOKEN_TROUBLE[trouble]
    gateway = start(vertex.configuration(), env=clock.environment)
    answer = chat(gateway, "vertex/gem")
    assert status_and_code(answer) == (502, code)
    assert vertex.origin.requests == [], "no call without a token"
    record = gateway.access(answer.headers["x-request-id"])
    assert (record["status"], record["error_code"]) == (502, code)
    assert "token endpoint" in record["failure_detail"], "the operator learns where it failed"
    assert_kept_secret(gateway, vertex.secrets() + [WORDS], answer)
    # It heals without a restart.
    vertex.tokens.override = None
    clock.forward(60)
    chat_well(gateway, "vertex/gem")


def test_an_answer_of_the_token_endpoint_is_bounded(start, vertex):
    vertex.tokens.override = (200, {"access_token": "x" * 1_000_000, "expires_in": 3600})
    gateway = start(vertex.configuration())
    assert chat(gateway, "vertex/gem").status_code == 502
    assert vertex.origin.requests == []


@pytest.mark.parametrize("lifetime", [None, 0, -5, "3600", 10**18, 1.5])
def test_odd_lifetimes_of_tokens(start, vertex, lifetime):
    vertex.tokens.override = (200, {"access_token": "ya29.odd", "expires_in": lifetime})
    gateway = start(vertex.configuration())
    chat_well(gateway, "vertex/gem")
    chat_well(gateway, "vertex/gem")
    assert vertex.carried() == ["Bearer ya29.odd"] * 2
    assert len(vertex.tokens.requests) == 1, "not one token for each call"


def test_nobody_at_the_token_endpoint(start, vertex):
    vertex.tokens.origin.stop()
    gateway = start(vertex.configuration())
    answer = chat(gateway, "vertex/gem")
    assert status_and_code(answer) == (502, "upstream_unreachable")
    assert vertex.origin.requests == []
    assert_kept_secret(gateway, vertex.pem.splitlines()[1:-1], answer)


def test_a_silent_token_endpoint_is_not_waited_for_forever(start, vertex):
    released = threading.Event()
    vertex.tokens.origin.answer = lambda _: (released.wait(), (500, {}))[1]
    gateway = start(vertex.configuration())
    try:
        answer = chat(gateway, "vertex/gem")
        assert status_and_code(answer) == (504, "upstream_timeout")
    finally:
        released.set()


#: What is wrong with the file, and the word by which the log says so.
BAD_ACCOUNTS = {
    "no JSON": (lambda account: "not { json", "JSON"),
    "a user's": (lambda account: {**account, "type": "authorized_user"}, "service_account"),
    "no key": (lambda account: {name: account[name] for name in account if name != "private_key"}, "private_key"),
    "a key that is none": (
        lambda account: {**account, "private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
        "private_key",
    ),
    "a plain token_uri": (lambda account: {**account, "token_uri": "http://192.0.2.1/token"}, "token_uri"),
}


@pytest.mark.parametrize("fault", BAD_ACCOUNTS)
def test_an_account_that_cannot_be_used_is_named_in_the_log(start, vertex, fault):
    change, word = BAD_ACCOUNTS[fault]
    vertex.write(change(vertex.account))
    gateway = start(vertex.configuration())
    answer = chat(gateway, "vertex/gem")
    assert status_and_code(answer) == (502, "upstream_auth_failed")
    assert vertex.origin.requests == [] and vertex.tokens.requests == []
    assert_kept_secret(gateway, vertex.pem.splitlines()[1:-1], answer)
    assert word in gateway.log_file.read_text()


def test_an_account_that_is_not_there_refuses_calls(start, vertex):
    gateway = start(vertex.configuration(credentialsFile=str(vertex.file) + ".none"))
    assert status_and_code(chat(gateway, "vertex/gem")) == (502, "upstream_auth_failed")
    assert vertex.origin.requests == []


# Bedrock


def moment(seconds_from_now):
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds_from_now)
    return then.strftime("%Y-%m-%dT%H:%M:%SZ")


class Bedrock:
    """A provider's configuration and its server."""

    def __init__(self, origin):
        self.origin = origin(lambda _: (200, BEDROCK_ANSWER))

    def configuration(self, **more):
        provider = {"name": "aws", "kind": "bedrock", "region": "eu-west-1", "baseURL": self.origin.url, **more}
        return {"providers": [provider], "logging": {"level": "trace"}}

    def used(self):
        """The access key ids of all calls, in order."""
        return [
            request.headers["authorization"].split("Credential=", 1)[1].split("/", 1)[0]
            for request in self.origin.requests
        ]

    def verify(self, number, identifier, secret, token=None):
        """The call's signature is what botocore makes of these credentials."""
        call = self.origin.requests[number]
        request = botocore.awsrequest.AWSRequest("POST", self.origin.url + call.target, data=call.body)
        request.context["timestamp"] = call.headers["x-amz-date"]
        names = [name for name in call.headers if name == "content-type" or name.startswith("x-amz-")]
        for name in names:
            request.headers[name] = call.headers[name]
        assert call.headers.get("x-amz-security-token") == token
        credentials = botocore.credentials.Credentials(identifier, secret, token)
        signer = botocore.auth.SigV4Auth(credentials, "bedrock", "eu-west-1")
        signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        kind, _, parts = call.headers["authorization"].partition(" ")
        signed = dict(part.strip().split("=", 1) for part in parts.split(","))
        assert kind == "AWS4-HMAC-SHA256"
        assert signed["Credential"] == f"{identifier}/{call.headers['x-amz-date'][:8]}/eu-west-1/bedrock/aws4_request"
        assert set(signed["SignedHeaders"].split(";")) == {"host", *names}
        assert signed["Signature"] == signature


@pytest.fixture
def bedrock(origin):
    return Bedrock(origin)


PROFILES = """\
# The usual one
[default]
aws_access_key_id = AKIDDEFAULT
aws_secret_access_key = default/secret+=1

[ other ]
aws_access_key_id=AKIDOTHER
aws_secret_access_key=other#secret;2   ; a remark
aws_session_token = other/token==
region = us-east-1

[empty]
region = us-east-1
"""


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize("token", [None, "environment/token=="])
def test_aws_credentials_of_the_environment(start, bedrock, token):
    env = {"AWS_ACCESS_KEY_ID": "AKIDENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "environment/secret+="}
    gateway = start(bedrock.configuration(), env={**env, **({"AWS_SESSION_TOKEN": token} if token else {})})
    answer = chat_well(gateway, "aws/m")
    bedrock.verify(0, "AKIDENVIRONMENT", "environment/secret+=", token)
    assert_kept_secret(gateway, ["environment/secret+="] + ([token] if token else []), answer)


def test_aws_credentials_of_the_home(start, bedrock, tmp_path):
    write(tmp_path / "home/.aws/credentials", PROFILES)
    gateway = start(bedrock.configuration(), env={"HOME": str(tmp_path / "home")})
    answer = chat_well(gateway, "aws/m")
    bedrock.verify(0, "AKIDDEFAULT", "default/secret+=1")
    assert_kept_secret(gateway, ["default/secret+=1", "other/token=="], answer)


@pytest.mark.parametrize("place", ["variable", "configuration"])
def test_aws_credentials_of_a_profile_in_a_file_named(start, bedrock, tmp_path, place):
    path = write(tmp_path / "credentials", PROFILES)
    more = {"credentialsFile": path} if place == "configuration" else {}
    env = {"AWS_PROFILE": "other"} | ({"AWS_SHARED_CREDENTIALS_FILE": path} if place == "variable" else {})
    gateway = start(bedrock.configuration(**more), env=env)
    answer = chat_well(gateway, "aws/m")
    bedrock.verify(0, "AKIDOTHER", "other#secret;2", "other/token==")
    assert_kept_secret(gateway, ["other#secret;2", "other/token=="], answer)


def test_an_aws_file_is_read_again(start, bedrock, tmp_path, clock):
    path = tmp_path / "credentials"
    write(path, PROFILES)
    env = {"AWS_SHARED_CREDENTIALS_FILE": str(path), **clock.environment}
    gateway = start(bedrock.configuration(), env=env)
    chat_well(gateway, "aws/m")
    write(path, PROFILES.replace("AKIDDEFAULT", "AKIDRENEWED").replace("default/secret", "renewed/secret"))
    clock.forward(600)
    chat_well(gateway, "aws/m")
    bedrock.verify(0, "AKIDDEFAULT", "default/secret+=1")
    bedrock.verify(1, "AKIDRENEWED", "renewed/secret+=1")


class Container:
    """A container's endpoint; its credentials are numbered and last an hour of the gateway's clock."""

    def __init__(self, origin, clock):
        self.clock = clock
        self.given = 0
        self.override = None
        self.target = "/v1/credentials"
        self.origin = origin(self.answer)

    def answer(self, request):
        if self.override:
            return self.override
        if request.target != self.target:
            return 404, {}
        self.given += 1
        return 200, {
            "AccessKeyId": f"AKIDCONTAINER{self.given}", "SecretAccessKey": f"container/secret{self.given}",
            "Token": f"container/token{self.given}==", "Expiration": moment(self.clock.seconds + 3600),
        }

    @property
    def environment(self):
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": self.origin.url + self.target, **self.clock.environment}

    def verify(self, bedrock, call, number):
        bedrock.verify(
            call, f"AKIDCONTAINER{number}", f"container/secret{number}", f"container/token{number}==")


@pytest.fixture
def container(origin, clock):
    return Container(origin, clock)


def test_aws_credentials_of_a_container(start, bedrock, container):
    env = {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "container-bearer-1", **container.environment}
    gateway = start(bedrock.configuration(), env=env)
    for number in range(3):
        answer = chat_well(gateway, "aws/m")
        container.verify(bedrock, number, 1)
    (request,) = container.origin.requests
    assert (request.method, request.headers["authorization"]) == ("GET", "container-bearer-1")
    assert_kept_secret(gateway, ["container/secret", "container/token", "container-bearer"], answer)


@pytest.mark.parametrize("target", ["/v1/credentials?id=a-b&x=%2F", "/2016-11-01/credentialprovider/", "/"])
def test_a_containers_address_is_asked_as_it_is(start, bedrock, container, target):
    container.target = target
    gateway = start(bedrock.configuration(), env=container.environment)
    chat_well(gateway, "aws/m")
    container.verify(bedrock, 0, 1)


def test_a_containers_credentials_are_renewed_before_their_end(start, bedrock, container, clock, tmp_path):
    bearer = tmp_path / "bearer"
    bearer.write_text("container-bearer-1\n")
    env = {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(bearer), **container.environment}
    gateway = start(bedrock.configuration(), env=env)
    chat_well(gateway, "aws/m")
    bearer.write_text("container-bearer-2\n")
    clock.forward(3000)
    chat_well(gateway, "aws/m")
    assert len(container.origin.requests) == 1
    clock.forward(450)
    chat_well(gateway, "aws/m")
    assert bedrock.used() == ["AKIDCONTAINER1"] * 3

    def uses_the_new():
        chat_well(gateway, "aws/m")
        return bedrock.used()[-1] == "AKIDCONTAINER2"

    eventually(uses_the_new, what="a call with the new credentials")
    container.verify(bedrock, -1, 2)
    clock.forward(3600)
    answer = chat_well(gateway, "aws/m")
    container.verify(bedrock, -1, 3)
    bearers = [request.headers["authorization"] for request in container.origin.requests]
    assert bearers == ["container-bearer-1", "container-bearer-2", "container-bearer-2"]
    assert_kept_secret(gateway, ["container/secret", "container/token", "container-bearer"], answer)


CONTAINER_TROUBLE = {
    "refused": (403, {"Message": WORDS}),
    "defect": (500, WORDS.encode()),
    "page": (200, f"<html>{WORDS}</html>".encode(), "text/html"),
    "a code that is none of success": (
        200, {"Code": WORDS, "AccessKeyId": "AKIDX", "SecretAccessKey": WORDS}),
    "no secret": (200, {"AccessKeyId": "AKIDX", "Token": WORDS}),
    "an id that splits a header": (200, {"AccessKeyId": "A\r\nx-evil: 1", "SecretAccessKey": WORDS}),
    "a token that splits a header": (
        200, {"AccessKeyId": "A", "SecretAccessKey": WORDS, "Token": f"{WORDS}\r\nx-evil: 1"}),
}


@pytest.mark.parametrize("trouble", CONTAINER_TROUBLE)
def test_trouble_at_the_containers_endpoint(start, bedrock, container, clock, trouble):
    container.override = CONTAINER_TROUBLE[trouble]
    gateway = start(bedrock.configuration(), env=container.environment)
    answer = chat(gateway, "aws/m")
    assert status_and_code(answer) == (502, "upstream_auth_failed")
    assert bedrock.origin.requests == [], "no call without credentials"
    record = gateway.access(answer.headers["x-request-id"])
    assert "container credentials" in record["failure_detail"]
    assert_kept_secret(gateway, [WORDS], answer)
    container.override = None
    clock.forward(60)
    chat_well(gateway, "aws/m")
    container.verify(bedrock, 0, 1)


def test_aws_places_are_asked_in_order(start, bedrock, container, tmp_path):
    """Configuration, environment, file, container: with one less each time, the next one is used."""
    path = write(tmp_path / "credentials", PROFILES)
    environment = {"AWS_ACCESS_KEY_ID": "AKIDENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "environment/secret"}
    file = {"AWS_SHARED_CREDENTIALS_FILE": path}
    keys = {"keys": [{"name": "main", "value": "AKIDKEYS:keys/secret"}]}
    for more, env, expected in [
        (keys, {**environment, **file}, "AKIDKEYS"),
        ({}, {**environment, **file}, "AKIDENVIRONMENT"),
        ({}, file, "AKIDDEFAULT"),
        ({}, {}, "AKIDCONTAINER1"),
    ]:
        gateway = start(bedrock.configuration(**more), env={**container.environment, **env})
        chat_well(gateway, "aws/m")
        assert bedrock.used()[-1] == expected
    assert len(container.origin.requests) == 1, "nobody is asked who is not needed"


#: Environment to the word by which the log says what is wrong. What is set and cannot be used is no reason to go on to
#: the next place: that would be another account.
UNUSABLE = {
    "half": ({"AWS_ACCESS_KEY_ID": "AKIDHALF"}, "secret access key"),
    "blanks": ({"AWS_ACCESS_KEY_ID": "AKID X", "AWS_SECRET_ACCESS_KEY": "unusable/secret"}, "blanks"),
    "profile": ({"AWS_PROFILE": "nobody"}, "nobody"),
    "empty profile": ({"AWS_PROFILE": "empty"}, "the profile empty"),
    "address": (
        {"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
         "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://192.0.2.1/credentials"}, "container"),
}


@pytest.mark.parametrize("fault", UNUSABLE)
def test_aws_credentials_that_cannot_be_used_are_named_in_the_log(start, bedrock, container, tmp_path, fault):
    env, word = UNUSABLE[fault]
    path = write(tmp_path / "credentials", PROFILES)
    gateway = start(
        bedrock.configuration(), env={**container.environment, "AWS_SHARED_CREDENTIALS_FILE": path, **env})
    answer = chat(gateway, "aws/m")
    assert status_and_code(answer) == (502, "upstream_auth_failed")
    assert bedrock.origin.requests == [] and container.origin.requests == []
    assert_kept_secret(gateway, ["unusable/secret", "default/secret"], answer)
    assert word in gateway.log_file.read_text()


def test_the_instance_is_asked_only_when_the_operator_says_so(start, bedrock, origin, clock):
    """IMDSv2: a token by PUT, the role, its credentials; the token goes with both."""

    def answer(request):
        if request.target == "/latest/api/token":
            return (200, b"imds-token") if request.method == "PUT" else (405, {})
        if request.headers.get("x-aws-ec2-metadata-token") != "imds-token":
            return 401, {}
        if request.target.endswith("/security-credentials/"):
            return 200, b"some-role\n"
        return 200, {
            "Code": "Success", "AccessKeyId": "AKIDINSTANCE", "SecretAccessKey": "instance/secret",
            "Token": "instance/token==", "Expiration": moment(clock.seconds + 3600),
        }

    metadata = origin(answer)
    env = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url, **clock.environment}
    gateway = start(bedrock.configuration(), env=env)
    assert status_and_code(chat(gateway, "aws/m")) == (502, "upstream_auth_failed")
    assert metadata.requests == []
    gateway = start(bedrock.configuration(instanceCredentials=True), env=env)
    answer_of_call = chat_well(gateway, "aws/m")
    assert bedrock.used()[-1] == "AKIDINSTANCE"
    targets = [request.target for request in metadata.requests]
    root = "/latest/meta-data/iam/security-credentials/"
    assert targets == ["/latest/api/token", root, root + "some-role"]
    assert_kept_secret(gateway, ["instance/secret", "instance/token", "imds-token"], answer_of_call)
