#!/usr/bin/env python3
"""AWS STS with one call: AssumeRole of one role or two, by the instance's own credentials.

    sts.py STATE CERTIFICATE.pem [ADDRESS:PORT]      default 0.0.0.0:443

STATE is described in serve.py. The request's SigV4 signature is recomputed: only what is signed by
the access key, secret and session token that IMDS hands out is answered, with `issued` or, for
`limited_arn`, with `limited`. All else gets the error that STS gives, in its XML. One JSON line a
request goes to stdout, with the reason.
"""

import datetime
import hashlib
import hmac
import re
import sys
import urllib.parse
import uuid
from xml.sax.saxutils import escape

sys.dont_write_bytecode = not sys.pycache_prefix  # the repository stays free of __pycache__ folders

import serve  # noqa: E402

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"

ANSWER = """\
<AssumeRoleResponse xmlns="{namespace}">
  <AssumeRoleResult>
    <AssumedRoleUser>
      <AssumedRoleId>AROARIGRIGRIGRIGRIGRI:{session}</AssumedRoleId>
      <Arn>{user}</Arn>
    </AssumedRoleUser>
    <Credentials>
      <AccessKeyId>{access_key}</AccessKeyId>
      <SecretAccessKey>{secret}</SecretAccessKey>
      <SessionToken>{token}</SessionToken>
      <Expiration>{expiration}</Expiration>
    </Credentials>
  </AssumeRoleResult>
  <ResponseMetadata>
    <RequestId>{request}</RequestId>
  </ResponseMetadata>
</AssumeRoleResponse>
"""

ERROR = """\
<ErrorResponse xmlns="{namespace}">
  <Error>
    <Type>Sender</Type>
    <Code>{code}</Code>
    <Message>{message}</Message>
  </Error>
  <RequestId>{request}</RequestId>
</ErrorResponse>
"""


class Refused(Exception):
    """An error of STS: its code, its message, and the reason that only the log tells."""

    def __init__(self, code, message, reason=""):
        super().__init__(message)
        self.code, self.message, self.reason = code, message, reason or message


class Sts(serve.Handler):
    """The query protocol: a form in, XML out."""

    def do_POST(self):
        data = self.body()
        state = self.server.state()
        request = str(uuid.uuid4())
        form = {name: values[0] for name, values in urllib.parse.parse_qs(data.decode("utf-8", "replace")).items()}
        called = {"action": form.get("Action"), "role_arn": form.get("RoleArn"), "session": form.get("RoleSessionName")}
        try:
            check_signature("POST", self.path, self.headers, data, state["instance"])
            answer = assume(form, state, request)
        except Refused as refused:
            self.note(**called, allowed=False, reason=refused.reason)
            text = ERROR.format(
                namespace=NAMESPACE, code=refused.code, message=escape(refused.message), request=request
            )
            status = 400 if refused.code in ("ValidationError", "InvalidAction") else 403
            return self.answer(status, text, "text/xml", [("x-amzn-RequestId", request)])
        self.note(**called, allowed=True)
        return self.answer(200, answer, "text/xml", [("x-amzn-RequestId", request)])


def assume(form, state, request):
    """The answer to a request that is signed as it should be."""
    if form.get("Version") != "2011-06-15" or form.get("Action") != "AssumeRole":
        raise Refused("InvalidAction", f"Could not find operation {form.get('Action')} for version {form.get('Version')}")
    wanted, session = form.get("RoleArn", ""), form.get("RoleSessionName", "")
    if not re.fullmatch(r"[\w+=,.@-]{2,64}", session, re.ASCII):
        raise Refused("ValidationError", "1 validation error detected: Value at 'roleSessionName' is not valid")
    seconds = form.get("DurationSeconds", "3600")
    # A role that assumes a role (role chaining) gets an hour at most.
    if not seconds.isdigit() or not 900 <= int(seconds) <= 3600:
        raise Refused("ValidationError", "The requested DurationSeconds is out of range")
    caller = f"arn:aws:sts::{state['account']}:assumed-role/{state['role']}/{state['instance_id']}"
    issued = {state["role_arn"]: "issued", state.get("limited_arn"): "limited"}.get(wanted)
    if issued is None or not state["trusts_itself"]:
        raise Refused(
            "AccessDenied",
            f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {wanted}",
        )
    if state.get("external_id") not in (None, form.get("ExternalId")):
        raise Refused(
            "AccessDenied",
            f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {wanted}",
            "another external id",
        )
    role = wanted.rsplit("/", 1)[1]
    return ANSWER.format(
        namespace=NAMESPACE, request=request, session=escape(session), expiration=serve.utc(int(seconds)),
        user=escape(f"arn:aws:sts::{state['account']}:assumed-role/{role}/{session}"),
        **{name: escape(value) for name, value in state[issued].items()},
    )


def check_signature(method, path, headers, data, keys):
    """Recomputes the signature in the Authorization header; raises Refused when it is not right."""
    pattern = (
        r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/(\d{8})/([a-z0-9-]+)/sts/aws4_request,\s*"
        r"SignedHeaders=([a-z0-9;-]+),\s*Signature=([0-9a-f]{64})"
    )
    parts = re.fullmatch(pattern, headers.get("Authorization") or "")
    if parts is None:
        raise Refused("MissingAuthenticationToken", "Request is missing Authentication Token")
    access_key, day, region, names, signature = parts.groups()
    signed = names.split(";")
    date = headers.get("X-Amz-Date") or ""
    if access_key != keys["access_key"]:
        raise Refused("InvalidClientTokenId", "The security token included in the request is invalid",
                      f"access key {access_key}")
    # AWS does not ask that the token be a signed header; it asks that it be the right one.
    if headers.get("X-Amz-Security-Token") != keys["token"]:
        raise Refused("InvalidClientTokenId", "The security token included in the request is invalid",
                      "wrong or missing session token")
    try:
        age = datetime.datetime.utcnow() - datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ")
    except ValueError:
        raise Refused("IncompleteSignature", f"Date must be in ISO-8601 'basic format'. Got '{date}'.") from None
    if abs(age.total_seconds()) > 300 or not date.startswith(day):
        raise Refused("SignatureDoesNotMatch", f"Signature expired: {date} is now earlier or later than allowed")
    payload = hashlib.sha256(data).hexdigest()
    if headers.get("X-Amz-Content-Sha256", payload) != payload:
        raise Refused("SignatureDoesNotMatch", "x-amz-content-sha256 is not the payload's")
    if "host" not in signed or any(headers.get(name) is None for name in signed):
        raise Refused("SignatureDoesNotMatch", "'Host' and every signed header must be in the request")
    uri, _, query = path.partition("?")
    canonical = "\n".join([
        method, uri or "/", "&".join(sorted(query.split("&"))) if query else "",
        *(f"{name}:{' '.join(headers.get(name).split())}" for name in signed), "", names, payload,
    ])
    scope = f"{day}/{region}/sts/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + keys["secret"]).encode()
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(key.hex(), signature):
        raise Refused(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method.",
            f"wrong signature by {access_key}",
        )


def main():
    """The command line."""
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    host, port = (sys.argv[3] if len(sys.argv) == 4 else "0.0.0.0:443").rsplit(":", 1)
    serve.Server((host, int(port)), Sts, sys.argv[1], sys.argv[2]).serve_forever()


if __name__ == "__main__":
    main()
