"""The command line of `rig`."""

import argparse
import json
import sys

from . import places


def parser(text):
    """All verbs and options."""
    top = argparse.ArgumentParser(prog="rig", description=text, formatter_class=argparse.RawTextHelpFormatter)
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("install", help="apt-get what is missing")
    verbs.add_parser("build", help="make the cached parts; prints what is in them, as JSON")

    verbs.add_parser("run", help="run a command in a network of its own", usage="rig run -- COMMAND…")

    site = verbs.add_parser("site", help="the download site (rig run starts it)")
    site.add_argument("--root", required=True, help="the cache: has rpm-repo, apt-repo and site")
    site.add_argument("--extra", help="folder served as /test/")
    site.add_argument("--bind", required=True, metavar="ADDR:PORT")
    site.add_argument("--log", required=True, help="file that gets one line a request")

    host = verbs.add_parser("host", help="hosts of this run").add_subparsers(
        dest="action", required=True, metavar="ACTION")
    start = host.add_parser("start", help="a new host; prints one line of JSON")
    start.add_argument("name")
    start.add_argument("--kind", choices=["amazon", "debian"], default="amazon")
    start.add_argument("--user-shell", metavar="PATH", help="login shell of ec2-user")
    start.add_argument("--sh", metavar="PATH", help="what /bin/sh is (amazon: bash, debian: dash)")
    start.add_argument("--bare-home", action="store_true", help="a home without start files")
    start.add_argument("--no-sudo", action="store_true", help="ec2-user may not become root")
    start.add_argument("--disk-mb", type=int, metavar="N", help="/home is a file system of N MB")
    start.add_argument("--address", metavar="10.77.0.N", help="instead of a free one")
    start.add_argument("--pam", action="store_true", help="sshd with PAM: logins read /etc/environment")
    start.add_argument("--systemd", action="store_true", help="PID 1 is systemd, which starts sshd; there is cron")
    for name, text in [("stop", "kill it, and forget its disk"), ("restart", "power cut, same disk"),
                       ("watch", "see each change of a file over SSH, and spoil one: see riglib/watch.py")]:
        host.add_parser(name, help=text).add_argument("name")
    execute = host.add_parser(
        "exec", help="run a command in a host, not over SSH",
        usage="rig host exec NAME [--user USER] [--login] -- COMMAND…")
    execute.add_argument("name")
    execute.add_argument("--user", default="root")
    execute.add_argument("--login", action="store_true", help="through the user's login shell")
    host.add_parser("list", help="one line of JSON per host")
    return top


def say(text):
    """Progress, on stderr: stdout is for JSON."""
    print(f"rig: {text}", file=sys.stderr, flush=True)


def main(text):
    """Runs one verb; the exit code."""
    # Cut at the first `--` by hand: argparse would take our own options for the command's.
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    options = parser(text).parse_args(words[:cut])
    options.command = words[cut + 1:]
    try:
        return verb(options)
    except places.Failed as problem:
        say(problem)
        return 125 if options.verb == "run" else 1


def verb(options):
    """Each verb imports only what it needs: `host start` is called often and must be quick."""
    if options.verb == "install":
        from . import packages
        packages.install(say)
    elif options.verb == "build":
        from . import parts
        print(json.dumps(parts.build(places.cache(), say)))
    elif options.verb == "run":
        from . import run
        return run.main(command(options), say)
    elif options.verb == "site":
        from . import download_site
        download_site.main(options)
    else:
        return host(options)
    return 0


def host(options):
    """rig host …"""
    from . import hosts

    if options.action == "start":
        print(json.dumps(hosts.start(options)))
    elif options.action == "restart":
        print(json.dumps(hosts.restart(options.name)))
    elif options.action == "stop":
        hosts.stop(options.name)
    elif options.action == "watch":
        from . import watch
        watch.watch(options.name)
    elif options.action == "exec":
        return hosts.execute(options.name, options.user, options.login, command(options))
    else:
        for record in hosts.records():
            print(json.dumps(record))
    return 0


def command(options):
    """What stands after `--`."""
    if not options.command:
        raise places.Failed("no command; write it after --")
    return options.command
