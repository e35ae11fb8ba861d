"""`rig build`: parts that take long to make and are kept from run to run.

A part is a folder in the cache. Its stamp is a hash of its recipe: the source of the module that
makes it, and what that module says it depends on. So whoever edits a recipe gets a new part.
"""

import fcntl
import hashlib
import inspect
import json
import os
import shutil
import tempfile

from . import (
    actionlint,
    apt_repo,
    aws_cli,
    base_root,
    browser,
    debian_archive,
    init_layer,
    kinds,
    moto_server,
    places,
    rpm_repo,
    yaml_server,
)

# In the order in which they are made: a part may need those before it.
PARTS = {
    "base": (base_root, [debian_archive]),
    "init": (init_layer, [debian_archive, base_root]),
    "kinds": (kinds, [places, base_root]),
    "rpm-repo": (rpm_repo, [debian_archive]),
    "apt-repo": (apt_repo, [debian_archive, base_root]),
    "moto": (moto_server, []),
    "yaml-server": (yaml_server, []),
    "browser": (browser, []),
    "actionlint": (actionlint, []),
    "aws-cli": (aws_cli, []),
}


def recipe(name):
    """The hash that a part's stamp must hold."""
    module, needs = PARTS[name]
    text = "".join(inspect.getsource(each) for each in [module, *needs])
    if hasattr(module, "parameters"):
        text += module.parameters()
    parameters = [debian_archive.MIRROR, os.uname().machine]
    return hashlib.sha256((text + json.dumps(parameters)).encode()).hexdigest()


def stale(cache):
    """Names of the parts that are to be made."""
    return [name for name in PARTS if not fresh(cache, name)]


def fresh(cache, name):
    """Whether a part is there and made by the present recipe."""
    try:
        stamp = (cache / "stamps" / f"part-{name}").read_text()
    except FileNotFoundError:
        return False
    return stamp == recipe(name) and (cache / name).is_dir()


def build(cache, say):
    """Makes what is stale. Returns what tests want to know about the parts."""
    places.need_root()
    (cache / "stamps").mkdir(parents=True, exist_ok=True)
    if stale(cache):
        with open(cache / "build.lock", "a") as lock:
            take(lock, fcntl.LOCK_EX, "another build, or runs that use these parts", say)
            sweep(cache)
            for name in stale(cache):
                make(cache, name, say)
    downloads = build_downloads(cache, say)
    return {
        "cache": str(cache),
        "yum_java": json.loads((cache / "rpm-repo" / "java.json").read_text()),
        "apt_java": json.loads((cache / "apt-repo" / "java.json").read_text()),
        "downloads": downloads,
    }


def use(cache, say):
    """Builds what is stale and returns a lock that keeps the parts as they are while it is open.

    Running hosts have the base root as their lower layer: a build that replaced it under them
    would pull away their files.
    """
    while True:
        facts = build(cache, say)
        lock = open(cache / "build.lock", "a")
        fcntl.flock(lock, fcntl.LOCK_SH)
        if not stale(cache):
            return lock, facts
        lock.close()  # the recipes changed between build and lock


def take(lock, kind, holder, say):
    """Takes a file lock; says what it waits for when it must wait."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"waiting for {holder}")
        fcntl.flock(lock, kind)


def sweep(cache):
    """Removes what killed builds left. We hold the lock: no one else is at work in there."""
    for folder in cache.glob(".building-*"):
        shutil.rmtree(folder)


def make(cache, name, say):
    """Makes one part beside its place, then renames it into place."""
    say(f"making {name}")
    stamp = cache / "stamps" / f"part-{name}"
    stamp.unlink(missing_ok=True)
    work = tempfile.mkdtemp(dir=cache, prefix=f".building-{name}-")
    new = os.path.join(work, "new")
    os.mkdir(new, 0o755)
    try:
        PARTS[name][0].make(new, cache)
        if (cache / name).exists():
            os.rename(cache / name, os.path.join(work, "old"))
        os.rename(new, cache / name)
        stamp.write_text(recipe(name))
    finally:
        shutil.rmtree(work)


def build_downloads(cache, say):
    """Kafka and AWS's jar, which artifacts.py gets from Maven Central. It has stamps of its own."""
    if not (places.RIG.parent / "artifacts.py").exists():
        (cache / "site").mkdir(exist_ok=True)
        return {}
    import artifacts  # beside `rig`

    try:
        return artifacts.build(cache, say=say)
    except artifacts.Failed as problem:
        raise places.Failed(str(problem)) from problem
