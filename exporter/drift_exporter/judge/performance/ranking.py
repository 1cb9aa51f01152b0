"""Metrics of ranked lists, from sums over the items shown (count.moments.RANKING_MOMENTS).

A list is known by its item in the first place. Where each list has one click at most, mean reciprocal rank
(Voorhees (1999), The TREC-8 question answering track report) and normalised discounted cumulative gain
(Jaervelin and Kekaelaeinen (2002), Cumulated gain-based evaluation of IR techniques, ACM Transactions on
Information Systems 20(4)) are means over lists of 1 / place and 1 / log2(1 + place) of the click, 0 without
one. With more clicks than lists both are left out. Items of one list are taken as independent for the share
of clicks, which is conservative as long as a click makes another one in the list less likely.
"""

from collections.abc import Mapping

from drift_exporter.count.moments import RANKING_MOMENTS
from drift_exporter.judge.performance.estimates import Estimates
from drift_exporter.judge.performance.intervals import mean_of_share, proportion
from drift_exporter.reference.model import FloatArray


def ranking(moments: FloatArray, design_effect: float = 1.0) -> Mapping[str, Estimates]:
    """Metrics of sums (k, 7)."""
    sums = {name: moments[:, place] for place, name in enumerate(RANKING_MOMENTS)}
    lists = sums["requests"]
    single = sums["clicks"] <= lists
    found = {"click_through_rate": proportion(sums["clicks"], sums["items"], design_effect)}
    for name, term in (("ndcg", "gain"), ("mean_reciprocal_rank", "reciprocal_rank")):
        own = mean_of_share(lists, sums[term], sums[f"{term}_squared"], design_effect)
        found[name] = own.where(single)
    return found
