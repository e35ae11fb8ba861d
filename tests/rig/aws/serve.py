"""What imds.py and sts.py have in common: a small threaded HTTP server, and the account's state.

The state is one JSON file, read at every request, so that a test can change the account while the
servers run:

    region, account, instance_id
    role            the instance's role, or null for an instance without one
    role_arn        the role that may be assumed
    trusts_itself   whether that role's trust policy lets the instance's role assume it
    instance        {access_key, secret, token} that IMDS hands out
    issued          {access_key, secret, token} that STS hands out
    limited_arn     another role, if any; the same policy
    limited         what STS hands out for it
"""

import datetime
import http.server
import json
import socketserver
import ssl
import sys


def utc(seconds=0):
    """A time as AWS writes it, `seconds` from now."""
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


class Server(http.server.ThreadingHTTPServer):
    """An HTTP server that asks no resolver for its own name: a rig's namespace has none."""

    def __init__(self, address, handler, state, certificate=None):
        self.state_file = state
        self.tls = None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate)
        super().__init__(address, handler)

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def finish_request(self, request, client_address):
        # The handshake is made here, in the connection's own thread: a client that connects and
        # says nothing holds up nobody.
        if not self.tls:
            return super().finish_request(request, client_address)
        request.settimeout(20)
        with self.tls.wrap_socket(request, server_side=True) as encrypted:
            return super().finish_request(encrypted, client_address)

    def handle_error(self, request, client_address):
        print(json.dumps({"at": utc(), "error": repr(sys.exc_info()[1])}), flush=True)

    def state(self):
        """The account as it is now."""
        with open(self.state_file, encoding="utf-8") as file:
            return json.load(file)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers whole, with a length; logs one JSON line a request through `note`."""

    protocol_version = "HTTP/1.1"

    def answer(self, status, body, kind="text/plain", headers=()):
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def body(self):
        """The request's body; bounded, since nothing real is long."""
        return self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1 << 20))

    def note(self, **what):
        print(json.dumps({"at": utc(), **what}), flush=True)

    def log_message(self, format, *args):
        """Replaced by `note`."""
