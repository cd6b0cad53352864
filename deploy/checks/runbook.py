"""Every alert has its section in the runbook, and every section about an alert still has its alert."""
import re

from checks import rules

RUNBOOK = "docs/operations/runbook.md"


def problems(root):
    headings = re.findall(r"^#+ (.+)$", (root / RUNBOOK).read_text(), re.M)
    alerts = {rule["alert"]: rule for _, rule in rules.load(root) if "alert" in rule}
    for name, rule in alerts.items():
        if name not in headings:
            yield f"{RUNBOOK}: has no section {name}"
        if rule.get("annotations", {}).get("runbook") != f"{RUNBOOK}#{name.lower()}":
            yield f"{name}: its annotation runbook does not point to {RUNBOOK}#{name.lower()}"
    for heading in headings:
        if re.fullmatch(r"Webhook[A-Z]\w+", heading) and heading not in alerts:
            yield f"{RUNBOOK}: the section {heading} is about no alert"
