"""What does the same: pyinfra and Ansible from PyPI, topicctl through Go's proxy, one shell script."""

import json
import os
import subprocess
import sys
from pathlib import Path

from . import world

HERE = Path(__file__).resolve().parent
PYPI = {"pyinfra": "pyinfra>=3,<4", "ansible": "ansible-core"}
TOPICCTL, OF = "github.com/segmentio/topicctl", "v1.21.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "trueup-benches"


def program(name):
    """Where a peer is, once it is installed."""
    return CACHE / ("go" if name == "topicctl" else "venv") / "bin" / name


def install(names):
    """Puts peers into the cache; those that cannot be had are said and left out."""
    wanted = [PYPI[name] for name in sorted(names & PYPI.keys()) if not program(name).exists()]
    if wanted:
        subprocess.run([sys.executable, "-m", "venv", CACHE / "venv"], check=True)
        pip = [CACHE / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet", *wanted]
        subprocess.run([*pip, "--disable-pip-version-check"], check=True)
    if "topicctl" in names and not program("topicctl").exists():
        module = CACHE / "go"
        module.mkdir(parents=True, exist_ok=True)
        (module / "go.mod").write_text("module peers\n")
        try:
            # Of a module that is asked for by its package's path, Go's proxy may say that it is forbidden.
            get = ["go", "get", f"{TOPICCTL}@{OF}"]
            subprocess.run(get, check=True, cwd=module, stderr=subprocess.DEVNULL)
            build = ["go", "build", "-mod=mod", "-o", program("topicctl"), f"{TOPICCTL}/cmd/topicctl"]
            subprocess.run(build, check=True, cwd=module, stderr=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError) as problem:
            print(f"topicctl cannot be installed: {problem}", file=sys.stderr)


DEPLOY = """from pyinfra import host
from pyinfra.facts.server import Command
from pyinfra.operations import files, yum

home = "/home/ec2-user"
if {java}:
    yum.packages(name="java", packages=["java-1.8.0-openjdk"])
kafka = home + "/{kafka}"
files.directory(name="kafka", path=kafka)
files.file(name="run class", path=kafka + "/bin/kafka-run-class.sh", mode="755")
files.download(name="jar", src="{jar_url}", dest=kafka + "/libs/{jar}", sha256sum="{jar_sha256}")
files.line(name="classpath", path=home + "/.bashrc", line="^# trueup: CLASSPATH, managed$")
files.put(name="properties", src="{properties}", dest=kafka + "/bin/client.properties", mode="600")
"""

PLAYBOOK = """- hosts: all
  gather_facts: false
  tasks:
    - { name: java, command: rpm -q java-1.8.0-openjdk, check_mode: false, changed_when: false, when: JAVA }
    - { name: kafka, file: { path: HOME/KAFKA, state: directory } }
    - { name: run class, file: { path: HOME/KAFKA/bin/kafka-run-class.sh, mode: "0755" } }
    - { name: jar, get_url: { url: "JAR_URL", dest: HOME/KAFKA/libs/JAR_NAME, checksum: "sha256:JAR_SHA256" } }
    - { name: classpath, lineinfile: { path: HOME/.bashrc, line: "# trueup: CLASSPATH, managed" } }
    - { name: properties, copy: { src: PROPERTIES, dest: HOME/KAFKA/bin/client.properties, mode: "0600" } }
"""


def prepare(here, hosts, artifacts, java):
    """Files with which peers check what trueup's plan compares; their folder."""
    folder = here.folder / f"peers-{len(hosts)}"
    folder.mkdir(exist_ok=True)
    properties = folder / "client.properties"
    # As the first host has it: each writes its own form.
    written = world.output(
        world.RIG, "host", "exec", hosts[0]["name"], "--", "cat",
        f"{hosts[0]['home']}/{world.KAFKA}/bin/client.properties",
    )
    properties.write_text(written)
    values = {**artifacts, "kafka": world.KAFKA, "jar": world.JAR, "java": java, "properties": properties}
    (folder / "deploy.py").write_text(DEPLOY.format(**values))
    login = [(host["name"], {
        "ssh_hostname": host["address"], "ssh_port": host["port"], "ssh_user": host["user"],
        "ssh_key": host["key"], "ssh_known_hosts_file": str(here.known),
    }) for host in hosts]
    (folder / "inventory.py").write_text(f"hosts = {login!r}\n")
    playbook = PLAYBOOK
    for word, value in [
        ("JAR_URL", artifacts["jar_url"]), ("JAR_SHA256", artifacts["jar_sha256"]), ("JAR_NAME", world.JAR),
        ("HOME", hosts[0]["home"]), ("KAFKA", world.KAFKA), ("PROPERTIES", properties),
        ("JAVA", "true" if java else "false"),
    ]:
        playbook = playbook.replace(word, str(value))
    (folder / "playbook.yaml").write_text(playbook)
    (folder / "inventory").write_text("".join(f"{host['name']}\n" for host in hosts))
    (folder / "ansible.cfg").write_text(
        "[defaults]\nforks = 50\nstdout_callback = minimal\ninterpreter_python = /usr/bin/python3\n"
        f"local_tmp = {folder}/tmp\n[ssh_connection]\npipelining = true\n"
        f"ssh_args = -F {here.config} -o ControlMaster=auto -o ControlPersist=0\n"
    )
    return folder


def pyinfra(folder):
    """Its dry run."""
    return [program("pyinfra"), "--dry", folder / "inventory.py", folder / "deploy.py"]


def ansible(folder):
    """Its check, tuned: pipelining, forks, no facts. The command, and its environment."""
    command = [program("ansible").with_name("ansible-playbook"), "--check", "-i", folder / "inventory"]
    return [*command, folder / "playbook.yaml"], {"ANSIBLE_CONFIG": str(folder / "ansible.cfg")}


def topicctl(here, broker, names):
    """Its dry run of all topics."""
    folder = here.folder / "topicctl"
    (folder / "topics").mkdir(parents=True)
    meta = {"cluster": "bench", "environment": "bench", "region": "bench"}
    cluster = {"meta": {"name": "bench", **meta}, "spec": {"bootstrapAddrs": [broker]}}
    del cluster["meta"]["cluster"]
    (folder / "cluster.yaml").write_text(json.dumps(cluster))
    for name in names:
        topic = {
            "meta": {"name": name, **meta},
            "spec": {
                "partitions": 1, "replicationFactor": 1, "placement": {"strategy": "any"},
                "settings": {"retention.ms": 604800000},
            },
        }
        (folder / "topics" / f"{name}.yaml").write_text(json.dumps(topic))
    topics = [str(path) for path in sorted((folder / "topics").iterdir())]
    return [program("topicctl"), "apply", "--dry-run", "--cluster-config", folder / "cluster.yaml", *topics]
