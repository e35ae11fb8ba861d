"""Who a cluster of the rig knows, and what each may do: made anew for every cluster.

    users   {NAME: PASSWORD}, for PLAIN and SCRAM
        admin       may do everything
        limited     only what RULES allow
        o,dd=one    may do everything; a name and a password that SCRAM must escape; not in PLAIN
    keys    {ROLE: {access_key, secret, token, refusal}}, for AWS_MSK_IAM
        allowed     temporary credentials, may do everything
        permanent   likewise, without a session token
        limited     only what RULES allow
        denied      signs rightly, and is refused: no permission `kafka-cluster:Connect`
        busy        signs rightly, and is refused as by MSK with too many new connections
    Listeners without SASL: everybody may do everything.
"""

import secrets

PREFIX = "0ab336d6fcf7."  # the topics that `limited` may work with
OPERATIONS = ["Create", "Describe", "DescribeConfigs", "Alter", "AlterConfigs"]
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def users():
    """Names and passwords."""
    word = secrets.token_urlsafe
    return {"admin": word(12), "limited": word(12), "o,dd=one": f"{word(6)} é,={word(6)}"}


def temporary(prefix="ASIA"):
    """AWS credentials. The token has characters that must be encoded when signed."""
    return {
        "access_key": prefix + "".join(secrets.choice(LETTERS) for _ in range(16)),
        "secret": secrets.token_urlsafe(30)[:40],
        "token": "IQoJ//+" + secrets.token_urlsafe(120) + "+/==",
    }


def keys():
    """AWS credentials of every kind that a test needs."""
    return {
        "allowed": temporary(),
        "permanent": temporary("AKIA") | {"token": None},
        "limited": temporary(),
        "denied": temporary() | {"refusal": "Access denied"},
        "busy": temporary() | {"refusal": "Too many connects"},
    }


def by_access_key(keys):
    """The same as brokers want them: {ACCESS_KEY: {secret, token, refusal}}."""
    return {one["access_key"]: {name: one.get(name) for name in ("secret", "token", "refusal")}
            for one in keys.values()}


def superusers(users, keys):
    """Principals to whom no rule applies: all but those called `limited`."""
    return ["ANONYMOUS", *(name for name in users if name != "limited"),
            *(one["access_key"] for role, one in keys.items() if role != "limited")]


def rules(users, keys):
    """What the others may do, for access.py."""
    limited = ["limited"] if "limited" in users else []
    limited += [keys["limited"]["access_key"]] if "limited" in keys else []
    return [{"principal": name, "topics": PREFIX, "operations": OPERATIONS} for name in limited]
