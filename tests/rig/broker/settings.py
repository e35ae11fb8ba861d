"""server.properties of the rig's brokers: what a listener is, and what all of them have.

`kraft` is one node that is broker and controller (Kafka 4), `zookeeper` a broker of a cluster with
ZooKeeper (Kafka 2). Both take {listener's name: Listener} and return properties as {name: value}.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from jvm import Failed

IAM, SCRAM = "AWS_MSK_IAM", ("SCRAM-SHA-256", "SCRAM-SHA-512")
MODULES = "org.apache.kafka.common.security"


@dataclass
class Listener:
    """One way into a broker."""

    protocol: str  # PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL
    bind: str  # ADDRESS:PORT
    advertised: str  # NAME:PORT that clients are told
    pem: str = None  # key (PKCS#8) and certificate, for TLS
    mechanisms: dict = field(default_factory=dict)  # SASL mechanism: the broker's JAAS line


def common(folder, listeners, internal):
    """What every broker has. `internal`: the listener that brokers use among themselves."""
    def pairs(values, sign):
        return ",".join(f"{name}{sign}{value}" for name, value in values)

    values = {
        "inter.broker.listener.name": internal,
        "listeners": pairs(((name, one.bind) for name, one in listeners.items()), "://"),
        "advertised.listeners": pairs(
            ((name, one.advertised) for name, one in listeners.items() if one.advertised), "://"
        ),
        "listener.security.protocol.map": pairs(((name, one.protocol) for name, one in listeners.items()), ":"),
        "log.dirs": folder / "data",
        # A topic that nobody asked for would hide a fault in the program under test.
        "auto.create.topics.enable": "false",
        "num.partitions": "1",
        "offsets.topic.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
        # Small: a machine runs several brokers, and none has much to do.
        "num.network.threads": "1",
        "num.io.threads": "4",
        "background.threads": "2",
        "log.cleaner.dedupe.buffer.size": str(4 << 20),
    }
    for name, one in listeners.items():
        prefix = f"listener.name.{name.lower()}."
        if one.pem:
            values[f"{prefix}ssl.keystore.type"] = "PEM"
            # In the settings themselves: Kafka 2 takes a file only if its key is encrypted.
            key, end, chain = Path(one.pem).read_text().partition("-----END PRIVATE KEY-----\n")
            values[f"{prefix}ssl.keystore.key"] = key + end
            values[f"{prefix}ssl.keystore.certificate.chain"] = chain
        if one.mechanisms:
            values[f"{prefix}sasl.enabled.mechanisms"] = ",".join(one.mechanisms)
        for mechanism, line in one.mechanisms.items():
            values[f"{prefix}{mechanism.lower()}.sasl.jaas.config"] = line
        if IAM in one.mechanisms:
            values[f"{prefix}aws_msk_iam.sasl.server.callback.handler.class"] = "rig.Iam$Known"
    return values


def kraft(folder, listeners, internal, controller, superusers=None):
    """A node of Kafka 4 that is broker and controller, all by itself."""
    listeners = {"CONTROLLER": Listener("PLAINTEXT", controller, None), **listeners}
    values = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "controller.listener.names": "CONTROLLER",
        **common(folder, listeners, internal),
        "default.replication.factor": "1",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
    }
    return values | authorizer("org.apache.kafka.metadata.authorizer.StandardAuthorizer", superusers)


def zookeeper(folder, listeners, internal, number, brokers, port, superusers=None):
    """Broker `number` of `brokers`, whose ZooKeeper listens on a port of 127.0.0.1."""
    values = {
        "broker.id": str(number),
        "zookeeper.connect": f"127.0.0.1:{port}",
        # A killed broker is missed after this time, and not before: see `cluster.py kill`.
        "zookeeper.session.timeout.ms": str(SESSION),
        "zookeeper.connection.timeout.ms": "60000",
        **common(folder, listeners, internal),
        # As Amazon MSK has it in three zones.
        "default.replication.factor": str(brokers),
        "min.insync.replicas": str(max(1, brokers - 1)),
        "offsets.topic.replication.factor": str(brokers),
    }
    return values | authorizer("kafka.security.authorizer.AclAuthorizer", superusers)


# See java/rig/Express.java.
EXPRESS = {
    "create.topic.policy.class.name": "rig.Express$Create",
    "alter.config.policy.class.name": "rig.Express$Alter",
}

# Milliseconds. Shorter, and a machine with much to do loses brokers that nobody killed.
SESSION = 6000

ZOO_CFG = """\
dataDir={folder}
clientPort={port}
clientPortAddress=127.0.0.1
tickTime=1000
maxClientCnxns=0
admin.enableServer=false
"""


def authorizer(name, superusers):
    """Kafka's own authorizer: what no access control list allows is denied, but to super users."""
    if superusers is None:
        return {}
    return {"authorizer.class.name": name, "super.users": ";".join(f"User:{user}" for user in superusers)}


def text(values):
    """The properties as a file. Java reads it as ISO-8859-1, with backslash as an escape."""
    def escape(value):
        return "".join(
            char if char.isascii() else f"\\u{ord(char):04x}" for char in str(value).replace("\\", "\\\\")
        ).replace("\n", "\\n")

    return "".join(f"{name}={escape(value)}\n" for name, value in values.items())


def jaas(module, options):
    """A JAAS line; Kafka's parser of it knows no escapes."""
    for name, value in options.items():
        if '"' in value or "\\" in value or not re.fullmatch(r"\w+", name):
            raise Failed(f"{name} cannot stand in a JAAS line")
    return f"{module} required{''.join(f' {name}={chr(34)}{value}{chr(34)}' for name, value in options.items())};"


def iam_jaas(host, region, keys):
    """What java/rig/Iam.java knows. `keys`: {ACCESS_KEY: {secret, token, refusal}}, see broker.py."""
    options = {"host": host, "region": region}
    for key, value in keys.items():
        options |= {f"{name}_{key}": value[name] for name in ("secret", "token", "refusal") if value.get(name)}
    return jaas("rig.Iam$Login", options)


def password_jaas(users):
    """The JAAS lines of PLAIN, which keeps its users in it, and of SCRAM, which does not.

    A user with a name that cannot stand in the line of PLAIN has SCRAM only.
    """
    plain = {f"user_{name}": password for name, password in users.items() if re.fullmatch(r"\w+", name)}
    return {
        "PLAIN": jaas(f"{MODULES}.plain.PlainLoginModule", plain),
        **{mechanism: jaas(f"{MODULES}.scram.ScramLoginModule", {}) for mechanism in SCRAM},
    }
