"""A proxy before an HTTP service that kills who asks: before a request is passed on, or after."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Order:
    """Whom to kill, and when."""

    url: str = ""
    """Where the proxy listens."""
    victim: int = 0
    """The process; 0 spares everybody."""
    at: bytes = b""
    """What the body of the request has in it."""
    after: bool = False
    """Whether the service is to hear it and only the answer is lost."""
    done: bool = False


class Handler(BaseHTTPRequestHandler):
    """One request on its way."""

    protocol_version = "HTTP/1.1"
    order: Order
    service: str

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def do_PUT(self) -> None:
        self._pass_on()

    def do_DELETE(self) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        order = self.order
        is_due = order.victim and order.at in body and self.command == "POST"
        if is_due and not order.after:
            self._kill()
            return
        # The service has to see its own address: it puts it into what it answers.
        headers = {name: value for name, value in self.headers.items() if name != "Host"}
        with contextlib.closing(http.client.HTTPConnection(self.service)) as connection:
            connection.request(self.command, self.path, body, headers)
            with connection.getresponse() as answer:
                data = answer.read()
        if is_due:
            self._kill()
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        if answer.status != http.HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _kill(self) -> None:
        victim, self.order.victim = self.order.victim, 0
        os.kill(victim, signal.SIGKILL)
        self.order.done = True
        self.close_connection = True


@contextlib.contextmanager
def before(url: str) -> Iterator[Order]:
    """Run one before a service on this machine; whom it kills is to be said."""
    order = Order()
    handler = type("Bound", (Handler,), {"order": order, "service": urlsplit(url).netloc})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        order.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield order
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
