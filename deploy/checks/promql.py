"""Holds the selectors of a PromQL expression against the list of metrics. Syntax is left to promtool."""
import re

from checks.metrics import TARGET_LABELS, find, permits

KEYWORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}
GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
SELECTOR = re.compile(r"(?<![\w.])([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?(?!\s*\(|[\w:{])")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')


def selectors(expression):
    """The (metric, matchers) pairs of an expression; recorded names count as metrics."""
    bare = re.sub(r"\[[^\]]*\]", "", GROUPING.sub(" ", expression))
    for name, matchers in SELECTOR.findall(bare):
        if name.lower() not in KEYWORDS:
            yield name, MATCHER.findall(matchers)


def problems(where, expression, metrics, recorded):
    """`recorded` names the series that recording rules add."""
    labels = set(TARGET_LABELS)
    for name, matchers in selectors(expression):
        metric = find(metrics, name)
        if metric is None:
            if name not in recorded and name != "up":
                yield f"{where}: {name} is exported by nobody"
            continue
        labels |= set(metric.labels) | ({"le"} if metric.type == "histogram" else set())
        for label, operator, value in matchers:
            yield from matcher_problems(where, name, metric, label, operator, value)
    known = {metric for metric, _ in selectors(expression)} & set(recorded)
    for group in GROUPING.findall(expression):
        for label in filter(None, map(str.strip, group.split(","))):
            if label not in labels and not known:
                yield f"{where}: groups by {label}, which no metric here has"


def matcher_problems(where, name, metric, label, operator, value):
    if label in TARGET_LABELS or "$" in value:
        return
    if label == "le" and metric.type == "histogram":
        values = [text for bound in bounds(metric) for text in (f"{bound:g}", str(float(bound)))]
    elif label in metric.labels:
        values = metric.labels[label]
    else:
        yield f"{where}: {name} has no label {label}"
        return
    if not selects(values, operator, value.replace("\\\\", "\\")):
        yield f'{where}: {name}{{{label}{operator}"{value}"}} selects nothing that is exported'


def bounds(metric):
    return metric.buckets if isinstance(metric.buckets, list) else []


def selects(values, operator, value):
    """Whether any listed value passes the matcher. An open set (a pattern) is only held against plain values."""
    if operator == "=":
        return permits(values, value)
    if operator == "=~" and isinstance(values, list):
        return any(re.fullmatch(value, listed) for listed in values)
    return True
