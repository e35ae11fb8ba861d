"""`rig site`: the web as hosts and trueup see it, with its faults.

    /rpm-repo/…  /apt-repo/…   the package repositories
    /files/NAME                a download of the cache's site folder
    /test/NAME                 a file that a test has put into $TRUEUP_RIG_STATE/site

and, for a NAME of either folder, faults. They have no state: the path says all, so that tests which
run at the same time do not meet.

    /truncate/NAME   the full length announced, half of it sent, then closed
    /html/NAME       200 and a small HTML page, as a proxy or a moved page answers
    /404/NAME        not found
    /500/NAME        the server's fault
    /hang/NAME       takes the request and answers nothing
    /slow/NAME       64 KiB a second
    /endless/NAME    no length announced, and bytes without an end
    /redirect/NAME   302 to /files/NAME or /test/NAME
"""

import contextlib
import os
import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

PAGE = b"<!DOCTYPE html>\n<html><head><title>Moved</title></head><body>This file has moved.</body></html>\n"
SLOW = 64 * 1024  # bytes a second
TYPES = {".xml": "text/xml", ".gz": "application/gzip", ".tgz": "application/gzip", ".json": "application/json"}


class Site(ThreadingHTTPServer):
    """The server; knows its folders and its log."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, bind, root, extra, log):
        super().__init__(bind, Handler)
        self.folders = {"rpm-repo": root / "rpm-repo", "apt-repo": root / "apt-repo", "files": root / "site"}
        if extra:
            self.folders["test"] = extra
        self.log = open(log, "a", buffering=1)
        self.log_lock = threading.Lock()

    def server_bind(self):
        """As the parent does, but without asking a name server for our own name."""
        super(ThreadingHTTPServer.__bases__[1], self).server_bind()
        self.server_name, self.server_port = self.server_address

    def handle_error(self, request, client_address):
        """A client that went away is part of many tests, and no error."""

    def find(self, folder, name):
        """(the folder's public name, the file) or None. Never leads out of the folder."""
        if folder not in self.folders:
            return None
        top = self.folders[folder].resolve()
        file = (top / name).resolve()
        return file if file.is_file() and top in file.parents else None


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Answers by the first part of the path."""
        path = unquote(urlsplit(self.path).path).lstrip("/")
        what, _, name = path.partition("/")
        fault = getattr(self, f"fault_{what}", None)
        if fault:
            fault(name)
        else:
            self.whole(self.server.find(what, name))

    do_HEAD = do_GET

    def whole(self, file):
        """A file as it is."""
        if file is None:
            return self.text(404, b"not found\n", "text/plain")
        with open(file, "rb") as content:
            self.head(200, os.fstat(content.fileno()).st_size, TYPES.get(file.suffix, "application/octet-stream"))
            if self.command == "GET":
                shutil.copyfileobj(content, self.wfile, 1 << 20)

    def named(self, name):
        """The file that a fault is about."""
        return self.server.find("files", name) or self.server.find("test", name)

    def fault_truncate(self, name):
        file = self.named(name)
        if file is None:
            return self.whole(None)
        size = file.stat().st_size
        self.head(200, size, "application/octet-stream")
        with open(file, "rb") as content:
            self.wfile.write(content.read(size // 2))
        self.close_connection = True

    def fault_slow(self, name):
        file = self.named(name)
        if file is None:
            return self.whole(None)
        self.head(200, file.stat().st_size, "application/octet-stream")
        with open(file, "rb") as content:
            while piece := content.read(SLOW // 4):
                self.wfile.write(piece)
                time.sleep(0.25)

    def fault_endless(self, name):
        """Says no length, and has no end."""
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(ConnectionError):
            while True:
                self.wfile.write(bytes(1 << 20))

    def fault_hang(self, name):
        self.log_request("hang")
        # Until the client hangs up: then reading ends.
        self.rfile.read(1)
        self.close_connection = True

    def fault_html(self, name):
        self.text(200, PAGE, "text/html; charset=utf-8")

    def fault_404(self, name):
        self.text(404, PAGE, "text/html; charset=utf-8")

    def fault_500(self, name):
        self.text(500, PAGE, "text/html; charset=utf-8")

    def fault_redirect(self, name):
        folder = "test" if self.server.find("test", name) else "files"
        self.text(302, b"", "text/plain", Location=f"/{folder}/{name}")

    def text(self, status, body, kind, **headers):
        """A small answer."""
        self.head(status, len(body), kind, **headers)
        if self.command == "GET":
            self.wfile.write(body)

    def head(self, status, size, kind, **headers):
        """Status and headers."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()

    def log_request(self, code="-", size="-"):
        """TIME CLIENT METHOD PATH STATUS, one line a request."""
        status = code if isinstance(code, str) else int(code)
        line = f"{time.time():.3f} {self.client_address[0]} {self.command} {self.path} {status}\n"
        with self.server.log_lock:
            self.server.log.write(line)

    def log_message(self, *arguments):
        """Nothing beside the log."""


def main(options):
    """Serves until killed."""
    address, _, port = options.bind.rpartition(":")
    extra = Path(options.extra) if options.extra else None
    Site((address, int(port)), Path(options.root), extra, options.log).serve_forever()
