#!/usr/bin/env python3
"""Checks that the rig's STS and broker refuse what AWS's would: else a test that passes proves little.

    selfcheck.py STATE CA.pem BROKER_NAME ADDRESS      run by `finale.py selfcheck`, where both listen

Prints {case: "accepted" or "refused"} for each case, and exits 1 when one is not as it should be.
The case `right` is accepted, all others are refused.
"""

import datetime
import hashlib
import hmac
import http.client
import json
import socket
import ssl
import struct
import sys
import urllib.parse

SHA256_OF_NOTHING = hashlib.sha256(b"").hexdigest()


def sign(secret, scope, date, canonical):
    """A SigV4 signature over a canonical request."""
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + secret).encode()
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


def now(seconds=0):
    """A time in SigV4's form."""
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return when.strftime("%Y%m%dT%H%M%SZ")


def payload(keys, host, region, seconds=0, expires="900", action="kafka-cluster:Connect", service="kafka-cluster"):
    """What an AWS_MSK_IAM client sends, rightly signed."""
    date = now(seconds)
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    query = {
        "Action": action, "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{keys['access_key']}/{scope}", "X-Amz-Date": date, "X-Amz-Expires": expires,
        "X-Amz-Security-Token": keys["token"], "X-Amz-SignedHeaders": "host",
    }
    encoded = "&".join(
        f"{urllib.parse.quote(name, safe='')}={urllib.parse.quote(value, safe='')}"
        for name, value in sorted(query.items()) if value
    )
    canonical = f"GET\n/\n{encoded}\nhost:{host}\n\nhost\n{SHA256_OF_NOTHING}"
    sent = {name.lower(): value for name, value in query.items() if value}
    return sent | {
        "version": "2020_10_22", "host": host, "user-agent": "trueup-rig",
        "x-amz-signature": sign(keys["secret"], scope, date, canonical),
    }


def connects(context, address, name, sent):
    """Whether the broker lets in a client that sends this."""
    def call(connection, key, version, body):
        request = struct.pack(">hhih", key, version, 1, -1) + body
        connection.sendall(struct.pack(">i", len(request)) + request)
        data = b""
        while len(data) < 4 or len(data) < 4 + struct.unpack(">i", data[:4])[0]:
            piece = connection.recv(65536)
            if not piece:
                return None
            data += piece
        return struct.unpack(">h", data[8:10])[0]

    with socket.create_connection((address, 9098), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname=name) as connection:
            mechanism = b"AWS_MSK_IAM"
            if call(connection, 17, 1, struct.pack(">h", len(mechanism)) + mechanism) != 0:
                raise ConnectionError("the broker does not know AWS_MSK_IAM")
            data = json.dumps(sent).encode()
            return call(connection, 36, 0, struct.pack(">i", len(data)) + data) == 0


def assumes(context, address, keys, role_arn, seconds=0, signed=True, spoil=False):
    """Whether STS lets these credentials assume the role."""
    form = {"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": role_arn, "RoleSessionName": "selfcheck"}
    body = urllib.parse.urlencode(form)
    date, host, names = now(seconds), "sts.amazonaws.com", "host;x-amz-date;x-amz-security-token"
    scope = f"{date[:8]}/us-east-1/sts/aws4_request"
    canonical = (
        f"POST\n/\n\nhost:{host}\nx-amz-date:{date}\nx-amz-security-token:{keys['token']}\n\n{names}\n"
        f"{hashlib.sha256(body.encode()).hexdigest()}"
    )
    headers = {"Host": host, "X-Amz-Date": date, "X-Amz-Security-Token": keys["token"]}
    if signed:
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={keys['access_key']}/{scope}, SignedHeaders={names}, "
            f"Signature={sign(keys['secret'], scope, date, canonical)}"
        )
    plain = socket.create_connection((address, 443), timeout=10)
    connection = http.client.HTTPSConnection(host)
    connection.sock = context.wrap_socket(plain, server_hostname=host)
    connection.request("POST", "/", body + ("&Spoilt=1" if spoil else ""), headers)
    return connection.getresponse().status == 200


def main():
    """The command line."""
    state_file, authority, name, address = sys.argv[1:]
    with open(state_file, encoding="utf-8") as file:
        state = json.load(file)
    context = ssl.create_default_context(cafile=authority)
    issued, instance, region = state["issued"], state["instance"], state["region"]
    right = payload(issued, name, region)
    broker = {
        "right": right,
        "wrong secret": payload(issued | {"secret": "wrong"}, name, region),
        "wrong token": payload(issued | {"token": "wrong"}, name, region),
        "no token": payload(issued | {"token": ""}, name, region),
        "unknown key": payload(issued | {"access_key": "ASIANOBODY"}, name, region),
        "other host": payload(issued, "b-2" + name[3:], region),
        "host not the signed one": payload(issued, "b-2" + name[3:], region) | {"host": name},
        "other region": payload(issued, name, "eu-west-1"),
        "other service": payload(issued, name, region, service="kafka"),
        "other action": payload(issued, name, region, action="kafka-cluster:Create"),
        "expired": payload(issued, name, region, seconds=-901),
        "from the future": payload(issued, name, region, seconds=400),
        "valid too long": payload(issued, name, region, expires="3600"),
        "other version": right | {"version": "2020_10_23"},
        "no user agent": {key: value for key, value in right.items() if key != "user-agent"},
        "encoded action": right | {"action": "kafka-cluster%3AConnect"},
        "expires as a number": right | {"x-amz-expires": 900},
    }
    arn = state["role_arn"]
    sts = {
        "right": (instance, arn, {}),
        "wrong secret": (instance | {"secret": "wrong"}, arn, {}),
        "wrong token": (instance | {"token": "wrong"}, arn, {}),
        "unknown key": (instance | {"access_key": "ASIANOBODY"}, arn, {}),
        "other role": (instance, arn + "x", {}),
        "unsigned": (instance, arn, {"signed": False}),
        "expired": (instance, arn, {"seconds": -901}),
        "body not the signed one": (instance, arn, {"spoil": True}),
    }
    found = {f"broker: {case}": connects(context, address, name, sent) for case, sent in broker.items()}
    found |= {f"sts: {case}": assumes(context, address, *words, **options) for case, (*words, options) in sts.items()}
    print(json.dumps({case: "accepted" if yes else "refused" for case, yes in found.items()}))
    wrong = [case for case, yes in found.items() if yes != case.endswith(": right")]
    if wrong:
        print(f"selfcheck: not as it should be: {', '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
