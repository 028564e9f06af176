"""A Cloud Storage of our own on loopback: objects with generations, and what may be put when."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Json = dict[str, Any]
BUCKET = "lake"


@dataclass
class Storage:
    """What is there, and what is to go wrong."""

    objects: dict[str, Json] = field(default_factory=dict)
    """What is known of each object, by its name."""
    contents: dict[str, bytes] = field(default_factory=dict)
    uploads: list[Json] = field(default_factory=list)
    overtake: bytes | None = None
    """What another puts under the next object's name just before it is put."""
    spoil: bool = False
    """Whether the next object's bytes are kept wrongly."""
    deny: int = 0
    """Status that every request is answered with."""
    puts: int = 0
    url: str = ""
    """Where it listens."""

    def store(self, name: str, data: bytes, metadata: Json) -> Json:
        """Keep an object, as its next generation."""
        generation = int(self.objects.get(name, {}).get("generation", 0)) + 1
        self.contents[name] = data
        self.objects[name] = {
            "name": name,
            "bucket": BUCKET,
            "generation": str(generation),
            "size": str(len(data)),
            "md5Hash": _md5(data),
            "metadata": metadata,
        }
        return self.objects[name]


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    storage: Storage

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def _serve(self) -> None:
        path, query = urlsplit(self.path), parse_qs(urlsplit(self.path).query)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.storage.deny:
            self._answer(self.storage.deny, {"error": {"message": "no"}})
        elif self.command == "GET":
            name = unquote(path.path.partition("/o/")[2])
            found = self.storage.objects.get(name)
            self._answer(200, found) if found else self._answer(404, {})
        elif self.command == "POST":
            upload = {**json.loads(body), "if": query["ifGenerationMatch"][0]}
            if upload["if"] != self._generation(upload["name"]):
                self._answer(412, {"error": {"message": "conditionNotMet"}})
                return
            self.storage.uploads.append(upload)
            where = f"{self.storage.url}/put?id={len(self.storage.uploads) - 1}"
            self._answer(200, {}, {"Location": where})
        else:
            self._put(self.storage.uploads[int(query["id"][0])], body)

    def _generation(self, name: str) -> str:
        return str(self.storage.objects.get(name, {}).get("generation", 0))

    def _put(self, upload: Json, body: bytes) -> None:
        storage, name = self.storage, upload["name"]
        if storage.overtake is not None:
            data, storage.overtake = storage.overtake, None
            storage.store(name, data, {"sha256": hashlib.sha256(data).hexdigest()})
        if upload["if"] != self._generation(name):
            self._answer(412, {"error": {"message": "conditionNotMet"}})
        elif upload["md5Hash"] != _md5(body):
            self._answer(400, {"error": {"message": "md5 does not match"}})
        else:
            storage.puts += 1
            kept, storage.spoil = body[:-1] + b"?" if storage.spoil else body, False
            self._answer(200, storage.store(name, kept, upload["metadata"]))

    def _answer(self, status: int, body: Json, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextlib.contextmanager
def serving() -> Iterator[Storage]:
    """Run one on a free port; gives what it keeps."""
    storage = Storage()
    handler = type("Bound", (Handler,), {"storage": storage})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        storage.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield storage
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
