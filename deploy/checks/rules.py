"""Prometheus: configuration, rules and their tests by promtool; the metrics they use; what every alert must carry."""
import subprocess

import yaml

from checks import promql

SEVERITIES = {"critical", "warning", "info"}


def load(root):
    """All rules, each with the name of its file."""
    for path in sorted((root / "deploy/prometheus/rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                yield path.name, rule


def recorded(root):
    return {rule["record"] for _, rule in load(root) if "record" in rule}


def problems(root, metrics, promtool):
    prometheus = root / "deploy/prometheus"
    yield from run(promtool, "check", "config", "--syntax-only", prometheus / "prometheus.yml")
    yield from run(promtool, "check", "rules", *sorted(prometheus.glob("rules/*.yml")))
    yield from run(promtool, "test", "rules", *sorted(prometheus.glob("tests/*.yml")))
    names = recorded(root)
    for file, rule in load(root):
        where = f"{file}: {rule.get('alert') or rule['record']}"
        yield from promql.problems(where, rule["expr"], metrics, names)
        if "alert" in rule:
            yield from alert_problems(where, rule)
    yield from untested(prometheus, root)


def run(promtool, *arguments):
    result = subprocess.run([promtool, *map(str, arguments)], capture_output=True, text=True)
    if result.returncode != 0:
        yield f"promtool {' '.join(map(str, arguments[:2]))}:\n{result.stdout}{result.stderr}"


def alert_problems(where, rule):
    if rule.get("labels", {}).get("severity") not in SEVERITIES:
        yield f"{where}: needs the label severity, one of {', '.join(sorted(SEVERITIES))}"
    for annotation in ["summary", "description", "runbook"]:
        if annotation not in rule.get("annotations", {}):
            yield f"{where}: has no annotation {annotation}"


def untested(prometheus, root):
    """An alert that no test makes fire may never fire."""
    fired = set()
    for path in prometheus.glob("tests/*.yml"):
        for test in yaml.safe_load(path.read_text())["tests"]:
            fired |= {case["alertname"] for case in test.get("alert_rule_test", []) if case["exp_alerts"]}
    for file, rule in load(root):
        if "alert" in rule and rule["alert"] not in fired:
            yield f"{file}: no test makes {rule['alert']} fire"
