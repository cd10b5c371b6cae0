"""Checks chart, manifests and dashboard, and writes what the chart renders into a folder.
`check.py PROGRAM RENDERED`, from the repository's root.

With UPDATE_DOCS=1 it writes the chart's table of values and its copy of the rules
instead of comparing them."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import helm_python as helm
import yaml

MINORS = ("1.35", "1.36", "1.37")
# Custom resources have no schema here: they are rendered and parsed only.
CUSTOM = ("monitoring.coreos.com/v1", "kustomize.config.k8s.io/v1beta1")
CHART = pathlib.Path("helm/orgpass")
PROGRAM = sys.argv[1]
# What the chart renders, for tools that read files.
RENDERED = pathlib.Path(sys.argv[2])
faults = []


def fault(where, what):
    faults.append(f"{where}: {what}")


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    return done.returncode, (done.stdout + done.stderr).strip()


def renderings():
    """Every rendering: its name, and its objects."""
    for values in sorted(CHART.glob("ci/*.yaml")):
        given = yaml.safe_load(values.read_text())
        linted = helm.lint(str(CHART), given, strict=True, kube_version="v1.37.0")
        for found in linted["messages"]:
            if found["severity"] > 1:
                fault(values, found["error"])
        for found in linted["errors"]:
            fault(values, found)
        yield str(values), objects(helm.Chart.load(str(CHART)), given)
    with tempfile.TemporaryDirectory() as folder:
        example = pathlib.Path(folder, "example")
        shutil.copytree("helm/example", example)
        shutil.copytree(CHART, example / "charts/orgpass")
        yield "helm/example", objects(helm.Chart.load(str(example)), {})
    for folder in ("deploy/kubernetes/base", "deploy/kubernetes/examples"):
        found = []
        for file in sorted(pathlib.Path(folder).glob("*.yaml")):
            found += [one for one in yaml.safe_load_all(file.read_text()) if one]
        yield folder, found


def objects(chart, values):
    found = []
    for template, text in chart.render(values, name="demo", namespace="prod").items():
        if template.endswith(".yaml"):
            found += [one for one in yaml.safe_load_all(text) if one]
    return found


def check_schemas(where, found):
    plain = [one for one in found if one["apiVersion"] not in CUSTOM]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump_all(plain, file)
        file.flush()
        for minor in MINORS:
            code, said = run("kubernetes-validate", "--strict", "-k", minor, file.name)
            if code:
                fault(where, f"Kubernetes {minor}: {said}")
    return len(plain)


def check_pods(where, found):
    """What Pod Security "restricted" asks for, and what this project asks for beyond it."""
    for one in found:
        pod = one["spec"] if one["kind"] == "Pod" else one.get("spec", {}).get("template", {}).get("spec")
        if pod is None:
            continue
        name = f"{where}: {one['kind']} {one['metadata']['name']}"
        tests = "helm.sh/hook" in one["metadata"].get("annotations", {})
        if pod.get("enableServiceLinks") is not tests or pod.get("automountServiceAccountToken") is not False:
            fault(name, "service links or an account's token get into its containers")
        for container in pod["containers"] + pod.get("initContainers", []):
            context = {**pod.get("securityContext", {}), **container.get("securityContext", {})}
            wanted = (
                context.get("runAsNonRoot") is True
                and context.get("readOnlyRootFilesystem") is True
                and context.get("allowPrivilegeEscalation") is False
                and context.get("capabilities") == {"drop": ["ALL"]}
                and context.get("seccompProfile") == {"type": "RuntimeDefault"}
            )
            if not wanted:
                fault(name, f"container {container['name']} is not restricted")
            # The kubelet runs the hooks of all containers at once, and only then waits for the sidecars' turn.
            if container.get("restartPolicy") == "Always" and "preStop" in container.get("lifecycle", {}):
                fault(name, f"{container['name']} would stop before the application does: a native sidecar needs SIGTERM only")
            volumes = {volume["name"] for volume in pod.get("volumes", [])}
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in volumes:
                    fault(name, f"{container['name']} mounts {mount['name']}, which is no volume of the pod")


def check_configurations(where, found):
    """Gives each orgpass.toml to the program, with made-up secrets in place of those that are mounted."""
    environments = {}
    for one in found:
        pod = one.get("spec", {}).get("template", {}).get("spec", {})
        mounted = [volume["configMap"]["name"] for volume in pod.get("volumes", []) if "configMap" in volume]
        for container in pod.get("containers", []) + pod.get("initContainers", []):
            if container["name"] == "orgpass":
                for name in mounted:
                    environments[name] = {each["name"]: each["value"] for each in container.get("env", [])}
    count = 0
    for one in found:
        text = one.get("data", {}).get("orgpass.toml") if one["kind"] == "ConfigMap" else None
        if text is None:
            continue
        count += 1
        name = one["metadata"]["name"]
        read_by_program(f"{where}: {name}", text, environments.get(name, {}))
    return count


def read_by_program(where, text, environment):
    with tempfile.TemporaryDirectory() as folder:
        text = re.sub(r'"(unix:)?/(etc|run|var/lib|keys)/', rf'"\1{folder}/', text)
        for path in re.findall(rf'_file = "({folder}/[^"]*)"', text):
            make_secret(pathlib.Path(path))
        config = pathlib.Path(folder, "orgpass.toml")
        config.write_text(text)
        environment = environment | {"ORGPASS_CONFIG": str(config)}
        if "ORGPASS_PROXY__LISTEN" in environment:
            environment["ORGPASS_PROXY__LISTEN"] = f"unix:{folder}/proxy.sock"
        code, said = run(PROGRAM, "config", "check", env=environment)
        if code:
            fault(where, said)


def check_compose():
    """Compose itself is not here: each file that it mounts is there, and each configuration is read."""
    compose = yaml.safe_load(pathlib.Path("deploy/compose.yaml").read_text())
    for name, service in compose["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./") and not pathlib.Path("deploy", source).exists():
                fault(f"deploy/compose.yaml: {name}", f"mounts {source}, which is not there")
    configurations = sorted(pathlib.Path("deploy/compose").glob("*.toml"))
    for file in configurations:
        read_by_program(file, file.read_text(), {})
    code, said = run("promtool", "check", "config", "--syntax-only", "deploy/compose/prometheus.yaml")
    if code:
        fault("deploy/compose/prometheus.yaml", said)
    return len(configurations)


def make_secret(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith(".keys"):
        text = run(PROGRAM, "keys", "new")[1] + "\n"
    elif path.name == "private-key.pem":
        text = run("openssl", "genpkey", "-quiet", "-algorithm", "RSA")[1] + "\n"
    elif path.name == "ca.pem":
        text = run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=check")[1]
        text = text[text.index("-----BEGIN CERTIFICATE") :] + "\n"
    elif path.name == "hub-tokens":
        text = f"app {'t' * 40}\n"
    elif path.name == "credentials":
        text = "made-up:for-this-check\n"
    elif path.name == "headers":
        text = "Authorization: Bearer made-up-for-this-check\n"
    elif "webhook" in str(path.parent):
        text = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n"
    else:
        text = "made-up-for-this-check\n"
    path.write_text(text)
    path.chmod(0o600)


def check_refusals():
    """The schema refuses nonsense, and names the value at fault."""
    good = yaml.safe_load((CHART / "ci/hub-values.yaml").read_text())["hub"]
    for part, changed in {
        "publicUrl": {"publicUrl": "http://connect.example.com/path"},
        "keysSecret": {"keysSecret": ""},
        "url": {"store": {"url": "redis://user:password@redis:6379"}},
        "replicas": {"replicas": "many"},
        "secrets": {"secrets": {"grant.keys": "in the clear"}},
        "default": {"apps": {"default": {"clientId": "x", "secret": "s"}}},
        "PATH": {"env": {"PATH": "/"}},
    }.items():
        try:
            helm.Chart.load(str(CHART)).validate_schema({"hub": {**good, **changed}})
            fault("values.schema.json", f"takes {changed}")
        except helm.HelmValuesError as refused:
            if part not in str(refused):
                fault("values.schema.json", f"refuses {changed} without naming it: {refused}")


def metrics_in(text):
    found = set(re.findall(r"\borgpass_[a-z_]+", text))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in found}


def check_monitoring():
    documented = set(re.findall(r"^\| `(orgpass_[a-z_]+)`", pathlib.Path("docs/metrics.md").read_text(), re.M))
    rules = yaml.safe_load(pathlib.Path("deploy/monitoring/rules.yaml").read_text())
    dashboard = json.loads(pathlib.Path("deploy/monitoring/dashboard.json").read_text())
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    asked = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    used = metrics_in("\n".join(shown + asked))
    for name in sorted(used - documented):
        fault("deploy/monitoring", f"{name} is not in docs/metrics.md")
    for name in sorted(documented - metrics_in("\n".join(shown))):
        fault("deploy/monitoring/dashboard.json", f"{name} of docs/metrics.md is nowhere shown")
    runbook = {line[3:].strip().lower() for line in pathlib.Path("docs/runbook.md").read_text().splitlines() if line.startswith("## ")}
    alerts = [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]
    for alert in alerts:
        heading = alert["alert"].lower()
        if alert["annotations"]["runbook_url"] != f"docs/runbook.md#{heading}" or heading not in runbook:
            fault(alert["alert"], "has no section in docs/runbook.md, or does not lead there")
    tests = pathlib.Path("deploy/monitoring/rules-test.yaml").read_text()
    for alert in alerts:
        if not re.search(rf"alertname: {alert['alert']}\n", tests):
            fault(alert["alert"], "has no test that it fires")
    plain = [expr.replace("$__rate_interval", "5m").replace("$job", ".*") for expr in shown]
    group = {"name": "shown", "rules": [{"record": f"shown:{at}", "expr": expr} for at, expr in enumerate(plain)]}
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"groups": [group]}, file)
        file.flush()
        code, said = run("promtool", "check", "rules", file.name)
        if code:
            fault("deploy/monitoring/dashboard.json", said)
    return len(shown), len(alerts)


def written(path, text):
    """Compares a file that is generated, or writes it."""
    if os.environ.get("UPDATE_DOCS"):
        path.write_text(text)
    elif not path.exists() or path.read_text() != text:
        fault(path, "is not up to date: UPDATE_DOCS=1 scripts/deploy-checks writes it")


def values_table():
    """One row for each value that has a comment beginning with "--"."""
    rows, path, meaning = [], [], None
    for line in (CHART / "values.yaml").read_text().splitlines():
        if found := re.match(r"\s*# -- (.*)", line):
            meaning = found[1]
        elif found := re.match(r"( *)([A-Za-z]+):\s*(.*)", line):
            path = path[: len(found[1]) // 2] + [found[2]]
            if meaning:
                rows.append(f"| `{'.'.join(path)}` | {f'`{found[3]}`' if found[3] else ''} | {meaning} |")
            meaning = None
    return "\n".join(["| Value | Default | Meaning |", "|---|---|---|", *rows])


def check_generated():
    written(CHART / "files/rules.yaml", pathlib.Path("deploy/monitoring/rules.yaml").read_text())
    readme = CHART / "README.md"
    before, _ = readme.read_text().split("<!-- values -->")
    written(readme, f"{before}<!-- values -->\n\n{values_table()}\n")


def main():
    code, said = run("yamllint", "-s", "-c", "deploy/checks/yamllint.yaml", "deploy", str(CHART / "values.yaml"), str(CHART / "Chart.yaml"), str(CHART / "ci"), "helm/example/values.yaml")
    if code:
        fault("yamllint", said)
    check_generated()
    manifests = configurations = 0
    shutil.rmtree(RENDERED, ignore_errors=True)
    RENDERED.mkdir(parents=True)
    for where, found in renderings():
        (RENDERED / f"{where.replace('/', '-').removesuffix('.yaml')}.yaml").write_text(yaml.safe_dump_all(found))
        manifests += check_schemas(where, found)
        check_pods(where, found)
        configurations += check_configurations(where, found)
    configurations += check_compose()
    check_refusals()
    shown, alerts = check_monitoring()
    for each in faults:
        print(each, file=sys.stderr)
    if not faults:
        print(f"{manifests} manifests on Kubernetes {', '.join(MINORS)}; {configurations} configurations read by the program; {shown} expressions shown; {alerts} alerts")
    return 1 if faults else 0


sys.exit(main())
