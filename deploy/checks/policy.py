"""Compares what the policy scanner finds with the exceptions of policy.yaml. `policy.py CHECKOV RENDERED DOCKERFILE...`,
from the repository's root. RENDERED is a folder of manifests."""

import fnmatch
import json
import pathlib
import subprocess
import sys

import yaml

EXCEPTIONS = pathlib.Path("deploy/checks/policy.yaml")


def scan(checkov, *what):
    """The failed checks as pairs of the check and the resource, with what it asks for; and how many passed."""
    command = (checkov, "--skip-download", "--quiet", "--compact", "--output", "json", *what)
    done = subprocess.run(command, capture_output=True, text=True)
    reports = json.loads(done.stdout)
    failed, passed = {}, 0
    for report in reports if isinstance(reports, list) else [reports]:
        passed += report["summary"]["passed"]
        if report["summary"]["parsing_errors"]:
            sys.exit(f"{what}: could not be parsed: {done.stdout}")
        for found in report["results"]["failed_checks"]:
            # A resource of a Dockerfile is named by the whole path, which differs from machine to machine.
            resource = found["resource"].lstrip("/").removeprefix(str(pathlib.Path.cwd()).lstrip("/") + "/")
            failed[found["check_id"], resource] = found["check_name"]
    return failed, passed


def allows(exception, check, resource):
    patterns = exception.get("resources", ["*"])
    return exception["check"] == check and any(fnmatch.fnmatchcase(resource, pattern) for pattern in patterns)


def main():
    checkov, rendered, *dockerfiles = sys.argv[1:]
    exceptions = yaml.safe_load(EXCEPTIONS.read_text())
    failed, passed = scan(checkov, "--framework", "kubernetes", "--directory", rendered)
    of_images, more = scan(checkov, "--framework", "dockerfile", "--file", *dockerfiles)
    failed |= of_images
    faults = [
        f"{resource}: {check}: {asks}"
        for (check, resource), asks in failed.items()
        if not any(allows(exception, check, resource) for exception in exceptions)
    ]
    for exception in exceptions:
        if not exception["reason"].strip():
            faults.append(f"{EXCEPTIONS}: {exception['check']} has no reason")
        if not any(allows(exception, *found) for found in failed):
            faults.append(f"{EXCEPTIONS}: {exception['check']} is not needed")
    if passed == 0 or more == 0:
        faults.append("the scanner has found nothing to check")
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        print(f"{passed + more} checks of policy passed, {len(failed)} are exceptions for {len(exceptions)} reasons")
    return 1 if faults else 0


sys.exit(main())
