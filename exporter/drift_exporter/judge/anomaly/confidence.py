"""How sure one may be that a window's share of anomalies is larger than tolerated.

At the tolerated share r = c(1 + t) the number of anomalies among n records is taken to be beta-binomial with
mean n r and intra-window correlation rho (Williams (1975), The analysis of binary responses from
toxicological experiments involving reproduction and teratogenicity, Biometrics 31). With a reference of m
independent rows and no bursts rho is 1 / (m + 1): so the number of records beyond a threshold that stems from
m others is distributed. Bursts in the reference and in windows add to it what ``overdispersion`` found.
Confidence is the probability of fewer anomalies than there are, so that of windows at the tolerated share no
more than 1 - p reach a confidence of p.
"""

import numpy as np
from scipy import special

from drift_exporter.judge.anomaly.model import AnomalyModel
from drift_exporter.reference.model import FloatArray

_REACH = 8.0
_POINTS = 801
_STEPS: FloatArray = np.linspace(-_REACH, _REACH, _POINTS)
_WEIGHTS: FloatArray = np.exp(-np.square(_STEPS) / 2) / np.exp(-np.square(_STEPS) / 2).sum()
_MOST = 0.999
MARGIN = 1.3
"""P-values are taken larger by this factor: shares have longer tails than the beta distribution."""


def anomaly_confidence(anomalies: int, scored: int, seconds: float, model: AnomalyModel) -> float | None:
    """How sure one may be that the share is above ``contamination * (1 + tolerance)``, in [0, 1].

    Of ``scored`` records in a window of ``seconds`` so many were ``anomalies``. None without records.
    """
    if scored <= 0:
        return None
    settings = model.settings
    tolerated = min(settings.contamination * (1 + settings.tolerance), _MOST)
    known = model.overdispersion
    varies = 1 / (model.rows + 1) + known.of_reference + known.correlation(scored, seconds)
    # Where all is as usual shares have that correlation. Shares that are that much larger throughout vary
    # by the square of it more, which is more than a binomial share of that size does.
    correlation = varies * (1 + settings.tolerance)
    more = 1.0 - share_confidence(anomalies, scored, tolerated, min(correlation, _MOST))
    return max(0.0, 1.0 - MARGIN * more)


def share_confidence(anomalies: int, scored: int, tolerated: float, correlation: float) -> float:
    """Probability of fewer than ``anomalies`` of ``scored`` by the beta-binomial distribution.

    Its mean is ``scored * tolerated``; ``correlation`` is in (0, 1).
    """
    if anomalies <= 0:
        return 0.0
    spread = (1 - correlation) / correlation
    # The mean of the binomial probability over the distribution of the share, at even steps of normal scores.
    shares = special.betaincinv(tolerated * spread, (1 - tolerated) * spread, special.ndtr(_STEPS))
    fewer = special.betaincc(float(anomalies), float(scored - anomalies + 1), shares)
    return float(np.clip(_WEIGHTS @ fewer, 0.0, 1.0))
