"""Starts an unpacked image with nothing else around it. `image.py CONFIG ROOT SIMULATOR`, as root.

CONFIG is the image's configuration as `skopeo inspect --config` prints it, ROOT the folder it was unpacked into,
SIMULATOR the program salesforce-sim. The program finds Redis by a name that only a DNS server knows, and the token
endpoint by one of /etc/hosts; it is nobody, its root is read-only, and only /run/orgpass can be written to."""

import contextlib
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

USER = 65532
LABELS = ("title", "description", "licenses")
# What builders leave as places to mount something over, all of them empty.
PLACES = {"etc/hosts", "etc/hostname", "etc/resolv.conf"}
PATIENCE = 30
REDIS_NAME = "redis.orgpass.test"
CLIENT = {"client_id": "image", "client_secret": "made-up-for-this-check"}
TENANT = {"Orgpass-Tenant": "acme"}
LIMITS = "/services/data/v67.0/limits"
ENVIRONMENT = {"ORGPASS_CONFIG": "/etc/orgpass/orgpass.toml", "PATH": os.environ["PATH"]}
STARTS = 5
WATCHED = 10
# Promised for an idle sidecar that is built to ship. Its wake-ups are some three a second.
MOST_RESIDENT_KIB = 12 * 1024
SLOWEST_START_MS = 100
MOST_WAKE_UPS = 10


def need(holds, what):
    if not holds:
        sys.exit(f"deploy/checks/image.py: {what}")


def check_config(config):
    of = config["config"]
    need(of["User"] == f"{USER}:{USER}", f"runs as {of['User']}")
    need(of["Entrypoint"] == ["/orgpass"] and of["Cmd"] == ["serve"], f"starts {of['Entrypoint']} {of['Cmd']}")
    for label in LABELS:
        need(of["Labels"].get(f"org.opencontainers.image.{label}"), f"has no label {label}")


def check_contents(root):
    """One program, and neither a shell nor anything else that could be run or read."""
    files = {str(path.relative_to(root)): path.lstat() for path in root.rglob("*") if not path.is_dir()}
    need(files.keys() - PLACES == {"orgpass"}, f"contains {sorted(files)}")
    need(all(files[place].st_size == 0 for place in PLACES & files.keys()), "has files that are not empty")
    need(files["orgpass"].st_mode & 0o7777 == 0o755 and files["orgpass"].st_uid == 0, "may be changed by its user")


class Names(threading.Thread):
    """A DNS server that knows one name: an IPv4 address, and no other record."""

    def __init__(self, name):
        super().__init__(daemon=True)
        self.question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
        self.asked = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # The port is given, and any address of the loopback network will do.
        self.address = f"127.{random.randint(64, 254)}.{random.randint(0, 254)}.{random.randint(1, 254)}"
        self.socket.bind((self.address, 53))

    def run(self):
        while True:
            query, sender = self.socket.recvfrom(512)
            end = query.index(b"\0", 12) + 1
            name, kind = query[12:end], query[end : end + 4]
            known = name.lower() == self.question
            answers = known and kind == b"\0\1\0\1"
            self.asked += answers
            # Response, recursion available, and "no such name" for all others.
            head = struct.pack(">HHHHHH", *struct.unpack(">H", query[:2]), 0x8180 if known else 0x8183, 1, answers, 0, 0)
            found = b"\xc0\x0c" + kind + struct.pack(">IH", 1, 4) + bytes([127, 0, 0, 1]) if answers else b""
            self.socket.sendto(head + name + kind + found, sender)


class HeldPort:
    """A port that nobody who asks for any gets while this is held; whoever names it may listen beside it."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", 0))
        self.number = self.socket.getsockname()[1]


def until(what, holds):
    began = time.monotonic()
    while not holds():
        need(time.monotonic() - began < PATIENCE, f"this did not come: {what}")
        time.sleep(0.002)


@contextlib.contextmanager
def running(*command, **options):
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


class Root:
    """The root, with what a container engine and Kubernetes put into it."""

    def __init__(self, root, names, redis_port, simulator):
        self.root, self.ops_port = root, HeldPort()
        self.ops = self.ops_port.number
        self.run_dir = root / "run/orgpass"
        for folder in ("etc/orgpass", "run/orgpass", "dev", "etc"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        for name, minor in (("null", 3), ("random", 8), ("urandom", 9)):
            os.mknod(root / "dev" / name, 0o20666, os.makedev(1, minor))
            (root / "dev" / name).chmod(0o666)
        (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
        (root / "etc/resolv.conf").write_text(f"nameserver {names.address}\n")
        keys = {name: self.program("keys", "new").stdout for name in ("session.keys", "grant.keys")}
        for name, text in {"client-secret": CLIENT["client_secret"], **keys}.items():
            self.write(name, text)
        self.write(
            "orgpass.toml",
            f"""[proxy]
listen = "unix:/run/orgpass/proxy.sock"

[ops]
listen = "127.0.0.1:{self.ops}"

[store]
url = "redis://{REDIS_NAME}:{redis_port}"

[vault]
session_keys_file = "session.keys"
grant_keys_file = "grant.keys"

[control]
listen = "unix:/run/orgpass/control.sock"

[apps.default]
client_id = "{CLIENT['client_id']}"
client_secret_file = "client-secret"
login_url = "{simulator.replace('127.0.0.1', 'localhost')}"

[salesforce]
trusted_hosts = ["127.0.0.1", "localhost"]
""",
        )
        os.chown(self.run_dir, USER, USER)

    def write(self, name, text):
        path = self.root / "etc/orgpass" / name
        path.write_text(text)
        path.chmod(0o600)
        os.chown(path, USER, USER)

    def command(self, *arguments):
        """The program in its root, as its user, in a namespace in which nothing but its folder can be written to."""
        within = (
            'mount --bind "$0" "$0" && mount --bind "$0/run/orgpass" "$0/run/orgpass" '
            f'&& mount -o remount,ro,bind "$0" && exec chroot --userspec={USER}:{USER} "$0" /orgpass "$@"'
        )
        return ("unshare", "--mount", "sh", "-c", within, str(self.root), *arguments)

    def program(self, *arguments, given=None):
        command = self.command(*arguments)
        return subprocess.run(command, capture_output=True, text=True, input=given, env=ENVIRONMENT)

    def done(self, *arguments, given=None):
        ended = self.program(*arguments, given=given)
        need(ended.returncode == 0, f"orgpass {' '.join(arguments)} ended with {ended.returncode}: {ended.stderr}")
        return ended.stdout

    def serve(self):
        return running(*self.command("serve"), stdout=self.log("stdout"), stderr=self.log("stderr"), env=ENVIRONMENT)

    def log(self, name):
        return open(self.root.parent / name, "ab")

    def asked(self, path):
        """What the operators' listener says; None if it is away or says no."""
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.ops}{path}") as answer:
            return answer.read().decode()
        return None

    def call(self):
        connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.run_dir / "proxy.sock"))
        connection.request("GET", LIMITS, headers=TENANT)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def told(url, what, **body):
    request = urllib.request.Request(f"{url}/__sim/{what}", json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def stop(serve):
    serve.send_signal(signal.SIGTERM)
    need(serve.wait(PATIENCE) == 0, f"ended with {serve.returncode} after SIGTERM")


def wake_ups(process):
    """Of each thread; one may end between two looks."""
    of_thread = {}
    for path in pathlib.Path(f"/proc/{process.pid}/task").glob("*/status"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            of_thread[path.parent.name] = int(path.read_text().split("\nvoluntary_ctxt_switches:")[1].split()[0])
    return of_thread


def resident_kib(process):
    return int(pathlib.Path(f"/proc/{process.pid}/status").read_text().split("VmRSS:")[1].split()[0])


def is_nobody(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return status.split("Uid:")[1].split()[0] == str(USER) and int(status.split("CapEff:")[1].split()[0], 16) == 0


def check_serving(root, names, simulator):
    """The token endpoint and Redis are found by name; a download under way is finished before the end."""
    told(simulator, "apps", **CLIENT, name="Image")
    org = told(simulator, "orgs", name="Acme")
    user = told(simulator, "users", org_id=org["org_id"], username="ana@acme.example")
    tokens = told(simulator, "authorize", client_id="image", user_id=user["user_id"])
    with root.serve() as serve:
        root.done("wait", "--timeout", str(PATIENCE))
        need(is_nobody(serve), "runs with rights")
        need(names.asked > 0, "has not asked the DNS server")
        imported = {key: tokens[key] for key in ("access_token", "refresh_token", "issued_at")}
        root.done(
            *("connection", "import", "--tenant", "acme", "--instance-url", org["instance_url"]), given=json.dumps(imported)
        )
        need(root.call()[0] == 200, f"the call was answered with {root.call()}")
        told(simulator, "expire", org_id=org["org_id"])
        need(root.call()[0] == 200, f"after an exchange the call was answered with {root.call()}")
        root.done("wait", "--timeout", "0")
        held = told(simulator, "faults", path=LIMITS, effect="hold")["fault"]
        answers = []
        caller = threading.Thread(target=lambda: answers.append(root.call()))
        caller.start()
        until("the call is at the org", lambda: "\norgpass_requests_in_flight 1\n" in (root.asked("/metrics") or ""))
        serve.send_signal(signal.SIGTERM)
        until("it is not ready", lambda: root.program("wait", "--timeout", "0").returncode == 69)
        need(serve.poll() is None, "ended before its call")
        told(simulator, "faults/release", fault=held)
        caller.join(PATIENCE)
        need(answers and answers[0][0] == 200, f"the call that was under way was answered with {answers}")
        need(serve.wait(PATIENCE) == 0, f"ended with {serve.returncode} after SIGTERM")
    with root.serve() as serve:
        root.done("wait", "--timeout", str(PATIENCE))
        need(root.call()[0] == 200, "after a restart the call was refused")
        root.done("drain", "--timeout", str(PATIENCE))
        need(serve.wait(PATIENCE) == 0, f"ended with {serve.returncode} after orgpass drain")


def check_footprint(root):
    """A sidecar without anything to do."""
    config = root.root / "etc/orgpass/orgpass.toml"
    text = config.read_text().replace('grant_keys_file = "grant.keys"\n', "")
    root.write("orgpass.toml", text[: text.index("[apps.default]")] + text[text.index("[salesforce]") :])
    starts = []
    for _ in range(STARTS):
        began = time.monotonic()
        with root.serve() as serve:
            until("a sidecar is ready", lambda: root.asked("/readyz") is not None)
            starts.append((time.monotonic() - began) * 1000)
            stop(serve)
    with root.serve() as serve:
        root.done("wait", "--timeout", str(PATIENCE))
        # What is done once after the start is over by then.
        time.sleep(3)
        before = wake_ups(serve)
        time.sleep(WATCHED)
        since = sum(times - before.get(thread, 0) for thread, times in wake_ups(serve).items())
        a_second, resident = since / WATCHED, resident_kib(serve)
        stop(serve)
    print(
        f"an idle sidecar: ready {min(starts):.0f} to {max(starts):.0f} ms after its start, "
        f"{resident / 1024:.1f} MiB resident, {a_second:.1f} wake-ups a second"
    )
    # The machine may be busy with others for four of them.
    need(min(starts) < SLOWEST_START_MS, f"none of {STARTS} starts took less than {SLOWEST_START_MS} ms")
    need(resident <= MOST_RESIDENT_KIB, f"{resident} KiB resident when idle")
    need(a_second <= MOST_WAKE_UPS, f"{a_second} wake-ups a second when idle")


def main():
    config, root, simulator = (pathlib.Path(argument) for argument in sys.argv[1:])
    check_config(json.loads(config.read_text()))
    check_contents(root)
    names = Names(REDIS_NAME)
    names.start()
    redis_port = HeldPort()
    with tempfile.TemporaryDirectory() as folder:
        redis = ("redis-server", "--port", str(redis_port.number), "--bind", "127.0.0.1", "--appendonly", "yes", "--dir", folder)
        quiet = {"stdout": subprocess.DEVNULL}
        with running(*redis, **quiet), running(simulator, stdout=subprocess.PIPE) as sim:
            url = json.loads(sim.stdout.readline())["url"]
            world = Root(root, names, redis_port.number, url)
            try:
                check_serving(world, names, url)
                check_footprint(world)
            except SystemExit:
                sys.stderr.write((root.parent / "stderr").read_text()[-4000:])
                raise


main()
