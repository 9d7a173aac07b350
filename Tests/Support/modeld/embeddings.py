"""The embeddings of each vendor, as strict as the vendor is. The numbers follow from the input alone."""

import base64
import hashlib
import json
import re
import struct
import urllib.parse

from .script import Refused, only, require

#: How long vectors are when nobody says.
LENGTH = 1024


def single(number):
    """The nearest number that 32 bits can hold."""
    return struct.unpack("<f", struct.pack("<f", number))[0]


def vector(value, length=LENGTH):
    """The vector of a text, or of a list of tokens."""
    seed = json.dumps(value).encode()
    raw = b"".join(hashlib.sha256(seed + place.to_bytes(4)).digest() for place in range((length + 7) // 8))
    return [single(number / 2**31) for (number,) in struct.iter_unpack("<i", raw)][:length]


def packed(numbers):
    """Base64 of 32-bit floats, little-endian."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def tokens(value):
    """What an input is billed for: its words, or its tokens."""
    return len(value.split()) if isinstance(value, str) else len(value)


def is_text(value):
    return isinstance(value, str) and value != ""


def is_tokens(value):
    return isinstance(value, list) and value != [] and all(type(token) is int and token >= 0 for token in value)


class Embeddings:
    """One vendor: `answer` gives the JSON and the headers of its answer, or raises `Refused`."""

    #: The path below the provider's name.
    path = r"v1/embeddings"

    def check(self, headers):
        require(headers.get("authorization") == "Bearer sk-upstream", "no credential")

    def answer(self, path, headers, body):
        match = re.fullmatch(self.path, urllib.parse.unquote(path))
        require(match, f"no such path: {path}")
        require(headers.get("content-type") == "application/json", "content-type")
        self.check(headers)
        return self.embed(body, *match.groups())

    def embed(self, body, model=None):
        raise NotImplementedError

    def error(self, status, message):
        return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}


class OpenAI(Embeddings):
    known = ("model", "input", "encoding_format", "dimensions", "user")
    length = "dimensions"
    takes_tokens = True

    def embed(self, body, model=None):
        only(body, self.known, "body")
        inputs = self.inputs(body["input"])
        encoding = body.get("encoding_format", "float")
        require(encoding in ("float", "base64"), f"encoding_format: {encoding}")
        vectors = [vector(one, body.get(self.length) or LENGTH) for one in inputs]
        written = [packed(one) for one in vectors] if encoding == "base64" else vectors
        count = sum(map(tokens, inputs))
        return {
            "object": "list",
            "data": [{"object": "embedding", "index": index, "embedding": one} for index, one in enumerate(written)],
            "model": body["model"],
            "usage": self.usage(count),
        }, {}

    def usage(self, count):
        return {"prompt_tokens": count, "total_tokens": count}

    def inputs(self, value):
        if is_text(value) or self.takes_tokens and is_tokens(value):
            return [value]
        fits = all(is_text(one) or self.takes_tokens and is_tokens(one) for one in value)
        require(isinstance(value, list) and 0 < len(value) <= 2048 and fits, "invalid input")
        return value


class Mistral(OpenAI):
    known = ("model", "input", "encoding_format", "output_dimension", "output_dtype", "metadata")
    length = "output_dimension"
    takes_tokens = False

    def usage(self, count):
        return {**super().usage(count), "completion_tokens": 0, "request_count": None, "prompt_tokens_details": None}

    def error(self, status, message):
        return {"object": "error", "message": message, "type": "invalid_request_error", "param": None, "code": "1500"}


class OllamaCompatible(OpenAI):
    takes_tokens = False


class Ollama(Embeddings):
    path = r"api/embed"

    def embed(self, body, model=None):
        only(body, ("model", "input", "truncate", "dimensions", "options", "keep_alive"), "body")
        inputs = [body["input"]] if isinstance(body["input"], str) else body["input"]
        require(inputs and all(map(is_text, inputs)), "invalid input type")
        return {
            "model": body["model"],
            "embeddings": [vector(text, body.get("dimensions") or LENGTH) for text in inputs],
            "total_duration": 14143917,
            "load_duration": 1019500,
            "prompt_eval_count": sum(map(tokens, inputs)),
        }, {}

    def error(self, status, message):
        return {"error": message}


class Gemini(Embeddings):
    path = r"v1beta/models/([^/:]+):batchEmbedContents"

    def check(self, headers):
        require(headers.get("x-goog-api-key") == "sk-upstream", "no credential")

    def embed(self, body, model=None):
        only(body, ("requests",), "body")
        require(0 < len(body["requests"]) <= 100, "at most 100 requests can be in one batch")
        texts = [self.text(one, model) for one in body["requests"]]
        lengths = [one.get("outputDimensionality") or LENGTH for one in body["requests"]]
        answer = {"embeddings": [{"values": vector(text, length)} for text, length in zip(texts, lengths)]}
        # The first generation tells no usage.
        if model != "gemini-embedding-001":
            count = sum(map(tokens, texts))
            details = [{"modality": "TEXT", "tokenCount": count}]
            answer["usageMetadata"] = {"promptTokenCount": count, "promptTokenDetails": details}
        return answer, {}

    def text(self, request, model):
        only(request, ("model", "content", "taskType", "title", "outputDimensionality"), "request")
        require(request["model"] == f"models/{model}", f"model of a request: {request['model']}")
        require("title" not in request or request.get("taskType") == "RETRIEVAL_DOCUMENT", "title without a document")
        only(request["content"], ("parts", "role"), "content")
        parts = request["content"]["parts"]
        require(parts and all(list(part) == ["text"] and is_text(part["text"]) for part in parts), "parts")
        return "\n".join(part["text"] for part in parts)

    def error(self, status, message):
        words = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
        return {"error": {"code": status, "message": message, "status": words.get(status, "INTERNAL")}}


class Cohere(Embeddings):
    path = r"v2/embed"
    known = (
        "model", "input_type", "texts", "images", "inputs", "embedding_types", "output_dimension", "truncate",
        "max_tokens", "priority",
    )  # fmt: skip

    def embed(self, body, model=None):
        only(body, self.known, "body")
        purposes = ("search_document", "search_query", "classification", "clustering", "image")
        require(body["input_type"] in purposes, f"input_type: {body['input_type']}")
        texts = body["texts"]
        require(0 < len(texts) <= 96 and all(map(is_text, texts)), "at most 96 texts")
        require(body.get("output_dimension") in (None, 256, 512, 1024, 1536), "output_dimension")
        require(body.get("embedding_types") == ["float"], "embedding_types")
        vectors = [vector(text, body.get("output_dimension") or LENGTH) for text in texts]
        answer = {
            "id": "74d7aae4-2939-4002-b4d4-352dfcca03cf",
            "embeddings": {"float": vectors},
            "texts": [text.lower() for text in texts],
            "response_type": "embeddings_by_type",
        }
        return self.billed(answer, sum(map(tokens, texts)))

    def billed(self, answer, count):
        return {**answer, "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": count}}}, {}

    def error(self, status, message):
        return {"id": "8bd5b608", "message": message}


class _Bedrock:
    """What its models have in common. The count of tokens stands in a header, whatever the model says."""

    def check(self, headers):
        signed = headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
        require(signed, "The request must be signed.")

    def error(self, status, message):
        return {"message": message}

    def counted(self, answer, count):
        return answer, {"x-amzn-bedrock-input-token-count": str(count)}


class Titan(_Bedrock, Embeddings):
    path = r"model/(amazon\.titan-embed-text-[^/]+)/invoke"

    def embed(self, body, model=None):
        is_second = "-v2" in model
        only(body, ("inputText", "dimensions", "normalize", "embeddingTypes") if is_second else ("inputText",), "body")
        require(is_text(body["inputText"]), "inputText")
        require(body.get("dimensions") in (None, 256, 512, 1024), "dimensions")
        numbers = vector(body["inputText"], body.get("dimensions") or LENGTH)
        count = tokens(body["inputText"])
        types = {"embeddingsByType": {"float": numbers}} if is_second else {}
        return self.counted({"embedding": numbers, **types, "inputTextTokenCount": count}, count)


class BedrockCohere(_Bedrock, Cohere):
    """Here the path names the model, with a region's profile before it or without."""

    path = r"model/((?:[a-z]+\.)?cohere\.embed-[^/]+)/invoke"

    def embed(self, body, model=None):
        require("model" not in body, "extraneous key [model] is not permitted")
        require("v4" in model or "output_dimension" not in body, "extraneous key [output_dimension] is not permitted")
        return super().embed(body, model)

    def billed(self, answer, count):
        return self.counted(answer, count)


#: By the first word of the path; with several, the path tells.
VENDORS = {
    "compatible": [OpenAI()],
    "mistral": [Mistral()],
    "gemini": [Gemini()],
    "cohere": [Cohere()],
    "bedrock": [Titan(), BedrockCohere()],
    "ollama": [Ollama(), OllamaCompatible()],
}


def respond(path, headers, body):
    """Status, JSON and headers of the answer to a request."""
    name, path = path.lstrip("/").split("/", 1)
    vendors = VENDORS[name]
    plain = urllib.parse.unquote(path)
    vendor = next((one for one in vendors if re.fullmatch(one.path, plain)), vendors[0])
    try:
        return 200, *vendor.answer(path, headers, json.loads(body))
    except Refused as refused:
        return refused.status, vendor.error(refused.status, str(refused)), {}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return 400, vendor.error(400, f"malformed: {error!r}"), {}
