"""A real Chromium, driven over its DevTools protocol: what it asks for, says and shows."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE = 60.0


def found() -> str | None:
    """Find the program, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Tab:
    """One tab: every request it makes and everything its console says is kept."""

    def __init__(self, connection: ClientConnection, session: str) -> None:
        self._connection, self._session, self._last = connection, session, 0
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.dialogs: list[str] = []
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and wait for its answer, keeping the events that come before it."""
        self._last += 1
        message = {
            "id": self._last,
            "method": method,
            "params": params,
            "sessionId": self._session,
        }
        self._connection.send(json.dumps(message))
        while True:
            answer = json.loads(self._connection.recv(timeout=_PATIENCE))
            if answer.get("id") == self._last:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self._keep(answer)

    def _keep(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Page.javascriptDialogOpening":
                self.dialogs.append(params["message"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.complaints.append(json.dumps(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.complaints.append(params["entry"]["text"])

    def size(self, width: int, height: int, *, mobile: bool = False) -> None:
        """Make the window so many CSS pixels large."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )

    def scheme(self, name: str) -> None:
        """Prefer ``dark`` or ``light``."""
        feature = {"name": "prefers-color-scheme", "value": name}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def open(self, page: Path, ready: str = "document.documentElement.dataset.ready") -> None:
        """Open a file and wait until an expression of the page is true."""
        self.call("Page.navigate", url=page.absolute().as_uri())
        self.wait(f"document.readyState === 'complete' && Boolean({ready})")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true."""
        until = time.monotonic() + _PATIENCE
        while not self.run(expression):
            assert time.monotonic() < until, f"never true: {expression}; {self.complaints}"
            time.sleep(0.02)

    def run(self, expression: str) -> Any:
        """Evaluate an expression; a promise is waited for."""
        answer = self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key."""
        text = key if len(key) == 1 else ""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                text=text if kind == "keyDown" else "",
                modifiers=8 if shift else 0,
            )

    def mouse(self, kind: str, x: float, y: float, button: str = "none", clicks: int = 0) -> None:
        """Move, press or release the mouse."""
        self.call(
            "Input.dispatchMouseEvent",
            type=kind,
            x=x,
            y=y,
            button=button,
            buttons=1 if button == "left" and kind != "mouseReleased" else 0,
            clickCount=clicks,
        )

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Keep what is shown as PNG."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))


@contextlib.contextmanager
def tab(program: str) -> Iterator[Tab]:
    """Start a headless Chromium with a profile of its own and give its tab."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            program,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-background-networking",
            "--no-first-run",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            "about:blank",
        ]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None
            address = next(
                line.split()[-1] for line in process.stderr if line.startswith("DevTools listening")
            )
            with connect(address, max_size=None, proxy=None) as connection:
                yield Tab(connection, _attach(connection))
        finally:
            process.terminate()
            process.communicate(timeout=_PATIENCE)


def _attach(connection: ClientConnection) -> str:
    """Open a tab and give the session that speaks to it."""
    number = 0

    def call(method: str, **params: object) -> dict[str, Any]:
        nonlocal number
        number -= 1
        connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(connection.recv(timeout=_PATIENCE))
            if answer.get("id") == number:
                result: dict[str, Any] = answer["result"]
                return result

    target = call("Target.createTarget", url="about:blank")["targetId"]
    session: str = call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    return session
