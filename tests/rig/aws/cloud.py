#!/usr/bin/env python3
"""AWS for tests: a moto server, and in front of it what moto lacks, faults, and a record of calls.

    PYTHONPATH=CACHE/moto cloud.py [ADDRESS]       default 127.0.0.1

prints one line of JSON, {"url": …}, and runs until its standard input ends. That URL is a front; what
tests say to a front goes to paths below /_test/, each with JSON in and out:

    POST /_test/front              one more front: {"url": …}. Each has faults and calls of its own;
                                   the account behind them is one.
    POST /_test/make               makes instances, keys, parameters, roles, clusters (see World)
    POST /_test/fault              {"action": "ec2:DescribeInstances", "kind": "throttle", "times": 2}
                                   kinds: throttle, expired, denied, broken (HTTP 500), hang, unknown (as a
                                   region that is not enabled), skew (the answer's clock is two hours ahead),
                                   off (STS of a region that is turned off), unassigned (SSO's portal), and
                                   those of SPOILED
    POST /_test/spoil              {"seed": 7, "harm": "flip", "share": 50}: from now on so many of a hundred
                                   answers come to harm (see HARMS), the same ones for the same seed
    POST /_test/calls              what was asked: [{"action", "resource", "region", "access_key", "attempt"}…],
                                   and "harm" where the answer came to some; a resource as policies name it
    GET  /_test/container          credentials, as a container's agent gives them

What the front answers itself: kafka:GetBootstrapBrokers and the state of clusters (moto leaves them
CREATING), ec2:GetConsoleOutput (moto has one boot log for all), and sso:GetRoleCredentials (for the
token `sso-token`; moto has none). The rest is passed on.
"""

import base64
import json
import random
import re
import sys
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

sys.dont_write_bytecode = not sys.pycache_prefix  # the repository stays free of __pycache__ folders

import serve  # noqa: E402

ACCOUNT = "123456789012"  # moto's

# GET requests of the kafka API have no name in them.
KAFKA = [
    (r"/v1/clusters/[^/]+/bootstrap-brokers", "GetBootstrapBrokers"),
    (r"/api/v2/clusters/[^/]+", "DescribeClusterV2"),
    (r"/api/v2/clusters/?", "ListClustersV2"),
]


# Answers that no service gives: status, media type, body. None of it is for people.
CANARY = "canary-3e8d51"
HTML = f"<html><head><title>{CANARY}</title></head><body>StartEl {{ name: Name }}</body></html>"
SPOILED = {
    "html-200": (200, "text/html", HTML),
    "html-403": (403, "text/html", HTML),
    "html-400": (400, "text/html; charset=utf-8", HTML),
    "html-500": (500, "text/html", HTML),
    "empty-200": (200, "text/xml", ""),
    "empty-403": (403, "", ""),
    "empty-400": (400, "application/x-amz-json-1.1", ""),
    "xml-cut": (200, "text/xml", f'<?xml version="1.0"?><DescribeInstancesResponse><reservationSet><item a="{CANARY}'),
    "xml-error-cut": (403, "text/xml", f"<Response><Errors><Error><Code>{CANARY}"),
    "json-cut": (200, "application/json", f'{{"Parameter": {{"Value": "{CANARY}'),
    "json-scalar": (200, "application/json", f'"{CANARY}"'),
    "json-error-odd": (400, "application/json", f'{{"__type": {{"a": "{CANARY}"}}, "message": ["{CANARY}"]}}'),
    "json-code-odd": (400, "application/json", f'{{"__type": "Error {{ code: {CANARY} }}"}}'),
    "redirect": (301, "text/plain", CANARY),
}

# What befalls real answers: cut off, shorter than they were, bytes changed, bytes lost, a part twice,
# of another media type or status.
HARMS = ["cut", "short", "flip", "lose", "twice", "media", "status"]
ODD_BYTES = b"<>{}[]\"'\\&;:,/\x00\x07\x1b\x7f\xc3\xff"


def harmed(dice, harm, status, media, data):
    """An answer after the harm: status, media type, body."""
    some = dice.randrange(len(data)) if data else 0
    more = min(len(data), some + dice.randint(1, 40))
    match harm:
        case "short":
            data = data[:some]
        case "flip":
            data = bytearray(data)
            for _ in range(dice.randint(1, 8) if data else 0):
                data[dice.randrange(len(data))] = dice.choice([dice.choice(ODD_BYTES), dice.randrange(256)])
        case "lose":
            data = data[:some] + data[more:]
        case "twice":
            data = data[:more] + data[some:]
        case "media":
            media = dice.choice(["", "text/html", "application/json", "text/xml", "application/x-amz-json-1.1",
                                 "application/octet-stream", "a" * 200, "Error { kind: Canary }"])
        case "status":
            status = dice.choice([201, 204, 206, 301, 304, 400, 401, 403, 404, 409, 418, 429, 500, 503, 599])
    return status, media, bytes(data)


class World:
    """What is in the account beside moto's own state."""

    def __init__(self, moto):
        self.moto = moto
        self.consoles = {}
        self.clusters = {}
        self.lock = threading.Lock()

    def client(self, service, region):
        import boto3  # comes with moto

        return boto3.client(
            service, region_name=region, endpoint_url=self.moto,
            aws_access_key_id="AKIAMAKER", aws_secret_access_key="maker",
        )

    def make(self, wanted):
        """Makes what is asked for; what it became, in the same shape.

        region              default us-east-1
        parameters          {name: text}
        roles               {name: {trust: policy, path}}: their ARNs
        profiles            {name: role}
        instances           [{tags, key, profile, private_ip, state, console, public}]: their ids and names;
                            `key` names a key pair, which is made, with its parameter in Parameter Store
        forget              [name]: parameters that are deleted
        remove              [id]: instances that are terminated first
        consoles            {id: text}: what instances have on their console from now on
        clusters            [{name, state, bootstrap: {field: text}}]: their ARNs
        """
        region = wanted.get("region", "us-east-1")
        with self.lock:
            if wanted.get("remove"):
                self.client("ec2", region).terminate_instances(InstanceIds=wanted["remove"])
            if wanted.get("forget"):
                self.client("ssm", region).delete_parameters(Names=wanted["forget"])
            self.consoles.update(wanted.get("consoles", {}))
            return {
                "parameters": self.parameters(region, wanted.get("parameters", {})),
                "roles": self.roles(wanted.get("roles", {})),
                "profiles": self.profiles(wanted.get("profiles", {})),
                "instances": [self.instance(region, one) for one in wanted.get("instances", [])],
                "clusters": [self.cluster(region, one) for one in wanted.get("clusters", [])],
            }

    def parameters(self, region, wanted):
        ssm = self.client("ssm", region)
        for name, text in wanted.items():
            ssm.put_parameter(Name=name, Value=text, Type="SecureString", Overwrite=True)
        return list(wanted)

    def roles(self, wanted):
        iam = self.client("iam", "us-east-1")
        made = {}
        for name, one in wanted.items():
            role = iam.create_role(
                RoleName=name, Path=one.get("path", "/"),
                AssumeRolePolicyDocument=json.dumps(one["trust"]),
            )
            made[name] = role["Role"]["Arn"]
        return made

    def profiles(self, wanted):
        iam = self.client("iam", "us-east-1")
        made = {}
        for name, role in wanted.items():
            profile = iam.create_instance_profile(InstanceProfileName=name)
            if role:
                iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
            made[name] = profile["InstanceProfile"]["Arn"]
        return made

    def instance(self, region, one):
        ec2 = self.client("ec2", region)
        options = {"ImageId": "ami-12345678", "MinCount": 1, "MaxCount": 1}
        made = {}
        if "key" in one:
            pair = ec2.create_key_pair(KeyName=one["key"], KeyType=one.get("key_type", "ed25519"))
            made["key_pair_id"] = pair["KeyPairId"]
            made["key_parameter"] = f"/ec2/keypair/{pair['KeyPairId']}"
            text = one.get("key_text", pair["KeyMaterial"])
            self.parameters(region, {made["key_parameter"]: text})
            options["KeyName"] = one["key"]
        if "profile" in one:
            options["IamInstanceProfile"] = {"Name": one["profile"]}
        if "private_ip" in one:
            # Default subnets are of other addresses.
            subnet = self.subnet(ec2, one["private_ip"])
            options |= {"SubnetId": subnet, "PrivateIpAddress": one["private_ip"]}
        tags = [{"Key": key, "Value": value} for key, value in one.get("tags", {}).items()]
        if tags:
            options["TagSpecifications"] = [{"ResourceType": "instance", "Tags": tags}]
        instance = ec2.run_instances(**options)["Instances"][0]["InstanceId"]
        match one.get("state", "running"):
            case "stopped":
                ec2.stop_instances(InstanceIds=[instance])
            case "terminated":
                ec2.terminate_instances(InstanceIds=[instance])
        self.consoles[instance] = one.get("console", "")
        found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
        return made | {
            "id": instance,
            "public_dns": found.get("PublicDnsName"),
            "public_ip": found.get("PublicIpAddress"),
            "private_ip": found.get("PrivateIpAddress"),
            "private_dns": found.get("PrivateDnsName"),
        }

    def subnet(self, ec2, address):
        """A subnet with this address (the rig's network, or the loopback one), in a VPC of its own:
        instances of different tests may have one address."""
        network = ".".join(address.split(".")[:3]) + ".0/24"
        vpc = ec2.create_vpc(CidrBlock=network)["Vpc"]["VpcId"]
        return ec2.create_subnet(VpcId=vpc, CidrBlock=network)["Subnet"]["SubnetId"]

    def cluster(self, region, one):
        kafka = self.client("kafka", region)
        made = kafka.create_cluster(
            ClusterName=one["name"], KafkaVersion="2.8.1", NumberOfBrokerNodes=3,
            BrokerNodeGroupInfo={"ClientSubnets": ["subnet-1"], "InstanceType": "kafka.m5.large"},
        )
        state, bootstrap = one.get("state", "ACTIVE"), one.get("bootstrap", {})
        self.clusters[made["ClusterArn"]] = {"state": state, "bootstrap": bootstrap}
        return {"arn": made["ClusterArn"]}


class Front(serve.Server):
    """One way into the account, with faults and a record of its own."""

    def __init__(self, address, world):
        super().__init__((address, 0), Way, None)
        self.world = world
        self.faults = {}
        self.spoil = None
        self.calls = []
        self.over = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://{self.server_address[0]}:{self.server_address[1]}"

    def fault(self, action):
        """The fault that this call meets, if any."""
        with self.world.lock:
            for name in [action, "*"]:
                fault = self.faults.get(name)
                if fault and fault["times"] > 0:
                    fault["times"] -= 1
                    return fault["kind"]
        return None


class Way(serve.Handler):
    """Answers or passes on."""

    asked = None

    def do_GET(self):
        self.either()

    def do_POST(self):
        self.either()

    def either(self):
        body = self.body()
        if self.path.startswith("/_test/"):
            try:
                return self.test(self.path.removeprefix("/_test/"), json.loads(body or b"{}"))
            except Exception:
                return self.answer(500, traceback.format_exc())
        self.asked = call = self.call(body)
        with self.server.world.lock:
            self.server.calls.append(call)
        if self.path.startswith("/federation/credentials?"):
            call["action"] = "sso:GetRoleCredentials"
        fault = self.server.fault(call["action"])
        if fault:
            return self.fail(fault, call)
        if call["action"] == "sso:GetRoleCredentials":
            return self.single_sign_on()
        match call["action"]:
            case "ec2:GetConsoleOutput":
                return self.console(body)
            case "kafka:GetBootstrapBrokers":
                return self.brokers()
        return self.pass_on(body, call)

    def answer(self, status, body, kind="text/plain", headers=()):
        harm = self.harm() if self.server.spoil and not self.path.startswith("/_test/") else None
        if harm is None:
            return super().answer(status, body, kind, headers)
        name, dice = harm
        # Keys that STS makes up are to be known where they must not be.
        body = re.sub(r"(<(SecretAccessKey|SessionToken)>)[^<]*", r"\1canary-of-sts", body)
        whole = body.encode()
        status, kind, data = harmed(dice, name, status, kind, whole)
        cut = dice.randrange(len(data)) if name == "cut" and data else len(data)
        self.close_connection = True
        self.send_response(status)
        for header, value in [("Content-Type", kind), ("Content-Length", str(len(data))), *headers]:
            self.send_header(header, value)
        self.end_headers()
        self.wfile.write(data[:cut])

    def harm(self):
        """The harm that this answer comes to, and the dice for it; by seed, action and turn, so that it
        does not matter which of several calls comes first."""
        spoil, action = self.server.spoil, self.asked["action"]
        with self.server.world.lock:
            turn = sum(call["action"] == action for call in self.server.calls)
        dice = random.Random(f"{spoil['seed']} {action} {turn}")
        if dice.randrange(100) >= spoil["share"]:
            return None
        self.asked["harm"] = spoil["harm"]
        return spoil["harm"], dice

    def test(self, what, asked):
        world = self.server.world
        match what:
            case "front":
                answer = {"url": Front(self.server.server_address[0], world).url}
            case "make":
                answer = world.make(asked)
            case "fault":
                self.server.faults[asked["action"]] = {"kind": asked["kind"], "times": asked.get("times", 1 << 30)}
                answer = {}
            case "spoil":
                self.server.spoil = asked
                answer = {}
            case "calls":
                answer = self.server.calls
            case "container":
                answer = {
                    "AccessKeyId": "AKIACONTAINER", "SecretAccessKey": "container", "Token": "t",
                    "Expiration": "2099-01-01T00:00:00Z",
                }
            case _:
                return self.answer(404, "")
        return self.answer(200, json.dumps(answer), "application/json")

    def call(self, body):
        """What is asked, by whom, of which region."""
        scope = re.search(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/", self.headers.get("Authorization") or "")
        key, region, service = scope.groups() if scope else ("", "", "")
        target = self.headers.get("X-Amz-Target")
        if target:
            name = target.split(".")[-1]
        elif service == "kafka":
            path = urllib.parse.urlsplit(self.path).path
            name = next((name for pattern, name in KAFKA if re.fullmatch(pattern, path)), path)
        else:
            name = urllib.parse.parse_qs(body.decode(errors="replace")).get("Action", ["?"])[0]
        action = f"{service}:{name}"
        return {
            "action": action, "resource": self.resource(action, region, body), "region": region, "access_key": key,
            "attempt": self.headers.get("amz-sdk-request") or "",
        }

    def resource(self, action, region, body):
        """What a policy must allow the action on."""
        form = {name: values[0] for name, values in urllib.parse.parse_qs(body.decode(errors="replace")).items()}
        match action:
            case "ssm:GetParameter":
                return f"arn:aws:ssm:{region}:{ACCOUNT}:parameter/" + json.loads(body)["Name"].lstrip("/")
            case "ssm:GetParameters":
                # The first one stands for all.
                return f"arn:aws:ssm:{region}:{ACCOUNT}:parameter/" + json.loads(body)["Names"][0].lstrip("/")
            case "iam:GetRole":
                return f"arn:aws:iam::{ACCOUNT}:role/" + form["RoleName"]
            case "iam:GetInstanceProfile":
                return f"arn:aws:iam::{ACCOUNT}:instance-profile/" + form["InstanceProfileName"]
            case "sts:AssumeRole":
                return form["RoleArn"]
            case "kafka:DescribeClusterV2" | "kafka:GetBootstrapBrokers":
                return next(part for part in map(urllib.parse.unquote, self.path.split("/")) if part[:4] == "arn:")
        return "*"

    def fail(self, kind, call):
        service = call["action"].split(":")[0]
        if kind == "hang":
            # Until the process ends: whoever waits must give up by itself.
            return self.server.over.wait(120)
        if kind in SPOILED:
            status, media, text = SPOILED[kind]
            return self.answer(status, text, media)
        if kind == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(CANARY.encode())
            self.close_connection = True
            return None
        if kind == "gone":
            self.close_connection = True
            return None
        if kind == "ssh":
            self.wfile.write(f"SSH-2.0-OpenSSH_9.9 {CANARY}\r\n".encode())
            self.close_connection = True
            return None
        codes = {
            "unknown": {"ec2": (401, "AuthFailure"), "ssm": (400, "UnrecognizedClientException")},
            "skew": {"ec2": (403, "RequestExpired"), "ssm": (400, "InvalidSignatureException")},
            "off": {},
            "unassigned": {},
            "throttle": {"ec2": (503, "RequestLimitExceeded"), "kafka": (429, "TooManyRequestsException")},
            "expired": {"ec2": (400, "RequestExpired"), "ssm": (400, "ExpiredTokenException"),
                        "kafka": (403, "ExpiredTokenException")},
            "denied": {"ec2": (403, "UnauthorizedOperation"), "ssm": (400, "AccessDeniedException"),
                       "kafka": (403, "AccessDeniedException")},
            "broken": {},
        }
        usual = {"throttle": (400, "ThrottlingException"), "expired": (403, "ExpiredToken"),
                 "denied": (403, "AccessDenied"), "broken": (500, "InternalFailure"),
                 "unknown": (403, "InvalidClientTokenId"), "skew": (403, "SignatureDoesNotMatch"),
                 "off": (403, "RegionDisabledException"), "unassigned": (403, "ForbiddenException")}
        status, code = codes[kind].get(service, usual[kind])
        words = {
            "throttle": "Rate exceeded", "expired": "The security token included in the request is expired",
            "denied": f"User: arn:aws:iam::123456789012:user/tester is not authorized to perform: {call['action']}",
            "broken": "We encountered an internal error", "unassigned": "No access",
            "unknown": "AWS was not able to validate the provided access credentials",
            "skew": "Signature not yet current", "off": "STS is not activated in this region for account:1",
        }[kind]
        self.ahead = 7200 if kind == "skew" else 0
        match service:
            case "ec2":
                text = (f"<Response><Errors><Error><Code>{code}</Code><Message>{words}</Message></Error></Errors>"
                        "<RequestID>r</RequestID></Response>")
                return self.answer(status, text, "text/xml")
            case "iam" | "sts":
                text = (f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
                        f"<Message>{words}</Message></Error><RequestId>r</RequestId></ErrorResponse>")
                return self.answer(status, text, "text/xml")
        text = json.dumps({"__type": code, "message": words})
        return self.answer(status, text, "application/x-amz-json-1.1", [("x-amzn-errortype", code)])

    ahead = 0

    def date_time_string(self, timestamp=None):
        """The clock that answers are dated with."""
        return super().date_time_string((timestamp or time.time()) + self.ahead)

    def console(self, body):
        instance = urllib.parse.parse_qs(body.decode())["InstanceId"][0]
        output = base64.b64encode(self.server.world.consoles.get(instance, "").encode()).decode()
        return self.answer(200, (
            '<GetConsoleOutputResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
            f"<instanceId>{instance}</instanceId><timestamp>{serve.utc()}</timestamp><output>{output}</output>"
            "</GetConsoleOutputResponse>"
        ), "text/xml")

    def single_sign_on(self):
        if self.headers.get("x-amz-sso_bearer_token") != "sso-token":
            return self.answer(401, json.dumps({"message": "Session token not found or invalid"}),
                               "application/json", [("x-amzn-errortype", "UnauthorizedException")])
        return self.answer(200, json.dumps({"roleCredentials": {
            "accessKeyId": "AKIASSO", "secretAccessKey": "sso", "sessionToken": "t", "expiration": 4070908800000,
        }}), "application/json")

    def brokers(self):
        arn = urllib.parse.unquote(self.path.split("/")[3])
        cluster = self.server.world.clusters.get(arn)
        if cluster is None:
            return self.answer(404, json.dumps({"message": "no such cluster"}), "application/json",
                               [("x-amzn-errortype", "NotFoundException")])
        return self.answer(200, json.dumps(cluster["bootstrap"]), "application/json")

    def pass_on(self, body, call):
        headers = {name: value for name, value in self.headers.items()
                   if name.lower() not in ("host", "content-length", "connection", "accept-encoding")}
        headers["Host"] = urllib.parse.urlsplit(self.server.world.moto).netloc
        request = urllib.request.Request(
            self.server.world.moto + self.path, data=body or None, headers=headers, method=self.command)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
                status, kind, text = answer.status, answer.headers.get("Content-Type"), answer.read().decode()
                extra = []
        except urllib.error.HTTPError as answer:
            status, kind, text = answer.code, answer.headers.get("Content-Type"), answer.read().decode()
            error = answer.headers.get("x-amzn-errortype")
            extra = [("x-amzn-errortype", error)] if error else []
        if call["action"].startswith("kafka:"):
            text = self.states(text)
        return self.answer(status, text, kind or "text/plain", extra)

    def states(self, text):
        """moto's clusters stay CREATING, and its times have no zone."""
        try:
            answer = json.loads(text)
        except ValueError:
            return text
        found = answer.get("clusterInfoList") or [answer.get("clusterInfo") or {}]
        for cluster in found:
            known = self.server.world.clusters.get(cluster.get("clusterArn"))
            if known:
                cluster["state"] = known["state"]
            if cluster.get("creationTime", "Z")[-1] != "Z":
                cluster["creationTime"] += "Z"
        return json.dumps(answer)

    def note(self, **what):
        """Calls are in the record."""


def main():
    """The command line."""
    address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    front = Front(address, World(f"http://{host}:{port}"))
    print(json.dumps({"url": front.url}), flush=True)
    sys.stdin.read()
    front.over.set()


if __name__ == "__main__":
    main()
