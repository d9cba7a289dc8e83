"""
Calls of the REST API without end, made of its own OpenAPI schema and of the extremes of each type.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

OURS, THEIRS, NOBODYS = "wxaaaaaaaaaaaaaaaa", "wxbbbbbbbbbbbbbbbb", "wxcccccccccccccccc"
# Whoever calls, by how they prove who they are.
STRANGERS = ("nobody", "a wrong key", "a broken header", "another scheme")
MERCHANT, PLAIN_STAFF, STAFF = "merchant", "plain staff", "staff"
CALLERS = (*STRANGERS, PLAIN_STAFF, *[MERCHANT] * 3, *[STAFF] * 8)

TEXTS = (
    *(
        "",
        " ",
        "x",
        "你好",
        "😀" * 9,
        "\x00",
        "\x1b[0m",
        "\ufffe",
        "\ud800",
        "\u202e",
        "%00",
        "null",
    ),
    *("../..", "' OR 1=1 --", "{{7*7}}", "${x}", "<script>", "]]>", "x" * 70_000, "1" * 400, "-1"),
    *(
        "1e400",
        "NaN",
        "Infinity",
        "٣",
        "0x10",
        "true",
        str(2**63),
        "2026-02-30T25:61:00Z",
        "\r\nX: y",
    ),
)
NUMBERS = (
    *(
        0,
        -1,
        1,
        7,
        2**31 - 1,
        2**31,
        -(2**31) - 1,
        2**32,
        2**53 + 1,
        2**63 - 1,
        2**63,
        -(2**63) - 1,
    ),
    *(10**400, 0.1, -0.0, 1e308, 1e-320, float("inf"), float("nan")),
)
NESTED: Any = [[[[[[{"a": [{}]}]]]]]]
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [None], {"": ""}, NESTED)
RAW = (
    *(b"", b"{", b"[]", b"null", b"1", b'"x"', b"\xff\xfe", b"\x00", b"[" * 100_000),
    *(
        b'{"a":' * 5_000,
        b'{"a":1,"a":2}',
        b'{"a":1e999}',
        b'{"a":-}',
        b"a=1&b=2",
        b"\xef\xbb\xbf{}",
    ),
    *(b'{"template_id":%s}' % (b"9" * 5_000), b'{"\\ud800":1}', b"--x\r\n\r\n--x--", b" " * 70_000),
)
_PART = b'--x\r\nContent-Disposition: form-data; name="file"'
FORMS = (
    _PART + b'; filename="a.png"\r\n\r\n\x89PNG\r\n--x--\r\n',
    _PART + b'; filename="\x00/../a"\r\n\r\nGIF8\r\n--x--',
    _PART + b"\r\n\r\nno file\r\n--x--\r\n",
)
TYPES = ("application/json",) * 8 + (
    *(
        "",
        "text/plain",
        "application/xml",
        "multipart/form-data",
        "application/json; charset=utf-16",
    ),
    *("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x/y/z", "é"),
)
ODD_HEADERS = {
    "idempotency-key": ("", "a", "a" * 128, "a" * 129, "é", "a b", "\t", "same", "same"),
    "accept": ("*/*", "text/html", "application/xml", "x", "application/json;q=0", "é"),
    "accept-language": ("zh-hans", "x" * 300, "é", "*", "en;q=9"),
    "x-request-id": ("", "x" * 5_000, "é"),
    "x-forwarded-for": ("", "1.2.3.4", "é", "::1, x", "x" * 5_000),
    "content-encoding": ("gzip", "deflate"),
    "cookie": ("sessionid=x", "csrftoken=", "é=é", ";" * 2_000),
    "if-modified-since": ("0", "Thu, 99 Foo 2026"),
    "range": ("bytes=0-", "x"),
}
LONGEST_TEXT = 8_000  # of a query: nginx takes no longer line
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "x")


@dataclass(frozen=True)
class Call:
    """CALLER asks METHOD of PATH, an operation of the schema unless METHOD is not of it."""

    caller: str
    method: str
    template: str
    path: str
    body: bytes
    media_type: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_about_others(self) -> bool:
        """Whether it names an account that is not the merchant's."""
        return "{appid}" in self.template and f"/{OURS}/" not in self.path


class Fuzz:
    """Calls of the SCHEMA by the thousand, the same for the same SEED."""

    def __init__(self, seed: int, schema: dict[str, Any]) -> None:
        self.random = Random(seed)
        self.schema = schema
        self.operations = [
            (path, method, operation)
            for path, methods in schema["paths"].items()
            for method, operation in methods.items()
        ]

    def calls(self, count: int) -> Iterator[Call]:
        for _ in range(count):
            yield self.call()

    def call(self) -> Call:
        template, method, operation = self.random.choice(self.operations)
        if self.is_odd(0.05):
            method = self.random.choice(METHODS)
        parameters = operation.get("parameters", [])
        path = template
        for name in ("appid", "auditid", "kind"):
            path = path.replace(f"{{{name}}}", self.segment(name))
        query = {
            one["name"]: self.parameter(one["schema"])
            for one in parameters
            if one["in"] == "query" and self.is_odd(0.5)
        }
        if self.is_odd(0.1):
            query[self.random.choice(["format", "page", "x", "ordering", "id__in"])] = self.text()
        if query:
            path += "?" + urlencode(query, errors="surrogatepass")
        return Call(
            self.random.choice(CALLERS),
            method.upper(),
            template,
            path,
            self.body(operation),
            self.random.choice(TYPES) if self.is_odd(0.3) else self.media_type(operation),
            self.headers(),
        )

    def is_odd(self, share: float) -> bool:
        return self.random.random() < share

    def text(self) -> str:
        return self.random.choice(TEXTS)

    def segment(self, name: str) -> str:
        """A part of the path: mostly one that there is."""
        if self.is_odd(0.15):
            return quote(self.text()[:3_000], safe="", errors="surrogatepass") or "-"
        if name == "appid":
            return self.random.choice([OURS, OURS, OURS, THEIRS, NOBODYS])
        if name == "kind":
            return self.random.choice(["server-domains-direct", "webview-domains", "x"])
        return self.random.choice(["1", "7", "0", "999999999999", "x"])

    def parameter(self, schema: dict[str, Any]) -> str:
        if "enum" in schema and self.is_odd(0.5):
            return str(self.random.choice(schema["enum"]))
        if schema.get("type") == "integer" and self.is_odd(0.5):
            return str(self.random.choice(NUMBERS[:12]))
        return self.text()[:LONGEST_TEXT]

    def headers(self) -> dict[str, str]:
        chosen = [name for name in ODD_HEADERS if self.is_odd(0.1)]
        return {name: self.random.choice(ODD_HEADERS[name]) for name in chosen}

    # Bodies

    def media_type(self, operation: dict[str, Any]) -> str:
        """As OPERATION wants it."""
        content = operation.get("requestBody", {}).get("content", {})
        is_json = not content or "application/json" in content
        return "application/json" if is_json else "multipart/form-data; boundary=x"

    def body(self, operation: dict[str, Any]) -> bytes:
        content = operation.get("requestBody", {}).get("content", {})
        if self.is_odd(0.1) or "application/json" not in content:  # none, or a file
            return self.random.choice(RAW)
        if "application/json" not in content:
            return self.random.choice(FORMS)
        value = self.value(content["application/json"]["schema"])
        return json.dumps(value, ensure_ascii=self.is_odd(0.5)).encode(errors="surrogatepass")

    def value(self, schema: dict[str, Any]) -> Any:
        """Something that SCHEMA allows, mostly; or an extreme of its type, or of another."""
        if "$ref" in schema:
            schema = self.schema["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        if "allOf" in schema:
            return self.value(schema["allOf"][0])
        if "oneOf" in schema:
            return self.value(self.random.choice(schema["oneOf"]))
        if self.is_odd(0.06):
            return self.random.choice([*OTHERS, self.text(), self.random.choice(NUMBERS)])
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        return self.typed(schema)

    def typed(self, schema: dict[str, Any]) -> Any:
        kind = schema.get("type")
        match self.random.choice(kind) if isinstance(kind, list) else kind:
            case "null":
                return None
            case "object":
                return self.members(schema)
            case "array":
                number = self.random.choice([0, 1, 1, 2, 6, 50])
                return [self.value(schema.get("items", {})) for _ in range(number)]
            case "integer" | "number":
                is_odd = self.is_odd(0.2)
                return self.random.choice(NUMBERS) if is_odd else self.random.randrange(3)
            case "boolean":
                return self.is_odd(0.5)
            case "string":
                return self.text() if self.is_odd(0.3) else self.random.choice(["1", "x", "o-user"])
        return self.random.choice([*OTHERS, self.text(), self.random.choice(NUMBERS)])

    def members(self, schema: dict[str, Any]) -> dict[str, Any]:
        properties, required = schema.get("properties", {}), schema.get("required", ())
        value = {
            name: self.value(member)
            for name, member in properties.items()
            if self.is_odd(0.97 if name in required else 0.3)
        }
        if self.is_odd(0.04):
            value[self.text()] = self.text()
        return value
