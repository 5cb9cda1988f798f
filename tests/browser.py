"""A headless Chromium, driven through its DevTools protocol; and a server for its pages."""

from contextlib import contextmanager
import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
import itertools
import json
import shutil
import subprocess
import tempfile
import threading
from time import monotonic
from urllib.request import urlopen

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 60  # seconds
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-port=0",
)


def executable():
    """Path of the browser, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@contextmanager
def served(folder):
    """Serve a folder on this machine; yield the address."""
    handler = functools.partial(_Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Page:
    """A tab: what it was told, what it asked for, what it complained of."""

    def __init__(self, connection):
        self.connection = connection
        self.numbers = itertools.count(1)
        self.requests, self.complaints, self.events = [], [], []
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """Send a command and return its result."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        self.connection.send(json.dumps(message))
        while (answer := self._receive()).get("id") != number:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _receive(self):
        message = json.loads(self.connection.recv())
        about = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(about["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(about["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if about["type"] in ("error", "assert"):
                self.complaints.append(str(about["args"]))
            case "Log.entryAdded" if about["entry"]["level"] == "error":
                self.complaints.append(f"{about['entry']['text']} {about['entry'].get('url')}")
            case str(event):
                self.events.append(event)
        return message

    def evaluate(self, expression):
        """Return the value of JavaScript, awaited."""
        result = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"]))
        return result["result"].get("value")

    def resize(self, width, height, mobile):
        """Take the size of a screen."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=mobile,
        )  # fmt: skip

    def prefer(self, scheme):
        """Prefer "light" or "dark"."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def open(self, address):
        """Go to an address; return when the page is loaded and its formulas are set."""
        self.requests, self.complaints, self.events = [], [], []
        self.call("Page.navigate", url=address)
        end = monotonic() + PATIENCE
        while "Page.loadEventFired" not in self.events:
            if monotonic() > end:
                raise TimeoutError(address)
            self._receive()
        self.evaluate("window.MathJax?.startup?.promise?.then(() => true)")


@contextmanager
def opened():
    """Start the browser; yield a page."""
    import websocket

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [executable(), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            said = next(line for line in process.stderr if "DevTools listening on" in line)
            address = said.split("ws://")[1].split("/")[0]
            with urlopen(f"http://{address}/json", timeout=PATIENCE) as answer:
                tabs = json.load(answer)
            tab = next(tab for tab in tabs if tab["type"] == "page")
            connection = websocket.create_connection(
                tab["webSocketDebuggerUrl"], timeout=PATIENCE, suppress_origin=True
            )
            try:
                yield Page(connection)
            finally:
                connection.close()
        finally:
            process.terminate()
            process.wait()
            process.stderr.close()
