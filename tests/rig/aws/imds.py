#!/usr/bin/env python3
"""EC2's instance metadata, version 2 only, for one rig host.

    imds.py STATE [ADDRESS:PORT]       default 169.254.169.254:80

Run in the host's network namespace. STATE is described in serve.py. A request without a token gets
401, as on an instance that requires IMDSv2; an instance without a role gets 404 for credentials.
"""

import json
import secrets
import sys

sys.dont_write_bytecode = not sys.pycache_prefix  # the repository stays free of __pycache__ folders

import serve  # noqa: E402

TOKENS = set()


class Metadata(serve.Handler):
    """The few pages that clients read."""

    def do_PUT(self):
        self.body()
        ttl = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds") or ""
        self.note(method="PUT", path=self.path)
        if self.path != "/latest/api/token":
            return self.answer(404, "")
        if not ttl.isdigit() or not 1 <= int(ttl) <= 21600:
            return self.answer(400, "")
        token = secrets.token_urlsafe(40)
        TOKENS.add(token)
        return self.answer(200, token, headers=[("X-aws-ec2-metadata-token-ttl-seconds", ttl)])

    def do_GET(self):
        allowed = self.headers.get("X-aws-ec2-metadata-token") in TOKENS
        self.note(method="GET", path=self.path, token=allowed)
        if not allowed:
            return self.answer(401, "")
        page = pages(self.server.state()).get(self.path.split("?")[0])
        return self.answer(404, "") if page is None else self.answer(200, page)


def pages(state):
    """Path to content."""
    data = "/latest/meta-data/"
    found = {
        f"{data}instance-id": state["instance_id"],
        f"{data}placement/region": state["region"],
        f"{data}placement/availability-zone": state["region"] + "a",
        "/latest/dynamic/instance-identity/document": json.dumps({
            "accountId": state["account"], "instanceId": state["instance_id"], "region": state["region"],
        }),
    }
    if state["role"]:
        credentials = json.dumps({
            "Code": "Success", "LastUpdated": serve.utc(), "Type": "AWS-HMAC",
            "AccessKeyId": state["instance"]["access_key"],
            "SecretAccessKey": state["instance"]["secret"],
            "Token": state["instance"]["token"],
            "Expiration": serve.utc(6 * 3600),
        }, indent=2)
        folder = f"{data}iam/security-credentials"
        found |= {f"{folder}": state["role"], f"{folder}/": state["role"], f"{folder}/{state['role']}": credentials}
    return found


def main():
    """The command line."""
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    host, port = (sys.argv[2] if len(sys.argv) == 3 else "169.254.169.254:80").rsplit(":", 1)
    serve.Server((host, int(port)), Metadata, sys.argv[1]).serve_forever()


if __name__ == "__main__":
    main()
