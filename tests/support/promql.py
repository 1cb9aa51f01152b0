"""Expressions of PromQL, read: their parts, and the labels that their answers are sure to have."""

from collections.abc import Callable, Iterator

import promql_parser as promql

COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
SETS = frozenset({"and", "or", "unless"})
KEEP_ALL = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})

LabelsOf = Callable[[str], frozenset[str]]


def parts(node: object) -> Iterator[object]:
    """The node and all that is in it, outer ones first."""
    yield node
    inner = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "vector_selector", "param")]
    for part in [*inner, *getattr(node, "args", [])]:
        if part is not None:
            yield from parts(part)


def parts_of(expression: str) -> list[object]:
    """All nodes of an expression."""
    return list(parts(promql.parse(expression)))


def selectors(expression: str) -> list[promql.VectorSelector]:
    """All vector selectors of an expression."""
    return [node for node in parts_of(expression) if isinstance(node, promql.VectorSelector)]


def calls(expression: str, *names: str) -> list[promql.Call]:
    """Calls of these functions."""
    return [n for n in parts_of(expression) if isinstance(n, promql.Call) and n.func.name in names]


def matched(selector: promql.VectorSelector) -> frozenset[str]:
    """Labels that have a value in all that the selector finds: those that are to be equal to one."""
    return frozenset(
        m.name for m in selector.matchers.matchers if m.op == promql.MatchOp.Equal and m.value != ""
    )


def labels(node: object, of: LabelsOf) -> frozenset[str]:
    """Labels that each series of the answer may be relied on to have; ``of`` a metric by its name.

    As Prometheus gives them (promql/engine.go, resultMetric): a match of one to one keeps those that it is
    ``on``, one of many to one those of the many and what ``group_left`` brings, ``or`` what both sides have.
    """
    match node:
        case promql.VectorSelector():
            found = of(node.name) | matched(node)
        case promql.MatrixSelector():
            found = labels(node.vector_selector, of)
        case promql.AggregateExpr():
            found = _aggregated(node, of)
        case promql.Call():
            found = _called(node, of)
        case promql.BinaryExpr():
            found = _joined(node, of)
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            found = labels(node.expr, of)
        case _:
            found = frozenset()
    return found


def _aggregated(node: promql.AggregateExpr, of: LabelsOf) -> frozenset[str]:
    inner = labels(node.expr, of)
    if str(node.op) in KEEP_ALL:
        return inner
    if node.modifier is None:
        return frozenset()
    named = frozenset(node.modifier.labels)
    return inner & named if node.modifier.type == promql.AggModifierType.By else inner - named


def _called(node: promql.Call, of: LabelsOf) -> frozenset[str]:
    name = node.func.name
    if name in {"scalar", "time", "vector"}:
        return frozenset()
    inner: frozenset[str] = frozenset().union(*(labels(arg, of) for arg in node.args))
    if name == "label_replace":
        # The label that is made: empty, and so not there, only where the source is, or where a name is.
        return inner | {node.args[1].val}
    return inner - {"le"} if name == "histogram_quantile" else inner


def is_scalar(node: object) -> bool:
    """Whether the expression is one number rather than series."""
    match node:
        case promql.NumberLiteral():
            return True
        case promql.Call():
            return node.func.name in {"scalar", "time"}
        case promql.BinaryExpr():
            return is_scalar(node.lhs) and is_scalar(node.rhs)
        case promql.ParenExpr() | promql.UnaryExpr():
            return is_scalar(node.expr)
    return False


def _joined(node: promql.BinaryExpr, of: LabelsOf) -> frozenset[str]:
    left, right = labels(node.lhs, of), labels(node.rhs, of)
    if str(node.op) == "or":
        return left & right
    if str(node.op) in SETS or is_scalar(node.rhs):
        return left
    return right if is_scalar(node.lhs) else _matched_one(node.modifier, left, right)


def _matched_one(
    modifier: promql.BinModifier | None, left: frozenset[str], right: frozenset[str]
) -> frozenset[str]:
    if modifier is None:
        return left
    brought = frozenset(modifier.group_labels or ())
    if modifier.card == promql.VectorMatchCardinality.ManyToOne:
        return left | (brought & right)
    if modifier.card == promql.VectorMatchCardinality.OneToMany:
        return right | (brought & left)
    if modifier.matching is None:
        return left
    named = frozenset(modifier.matching.labels)
    return left & right & named if is_on(modifier) else left - named


def is_on(modifier: promql.BinModifier) -> bool:
    """Whether series are matched ``on`` labels, and not ``ignoring`` some."""
    return modifier.matching is not None and str(modifier.matching.type).endswith("Include")
