"""Looks at all scrapes of exporters that follow one another, for what must never be."""

from collections import Counter
from dataclasses import dataclass, field

from support.tally import SOURCE, Series, Tally, key, parse, show

RECORDS = key("drift_exporter_source_records_total", source=SOURCE)


@dataclass
class Watch:
    """What all scrapes of all processes told: the highest value of each counter, and what was wrong."""

    tally: Tally
    highest: Series = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    scrapes: int = 0
    newest: Series = field(default_factory=dict)

    def look(self, text: str) -> Series:
        """Take a scrape in."""
        series, cumulative = parse(text)
        written = self.tally.records
        self.scrapes += 1
        for one in cumulative:
            if one[0].startswith(("process_", "python_")):
                # They are of one process.
                continue
            before = self.highest.get(one, 0.0)
            if series[one] < before:
                self.problems.append(f"{show(one)} went back from {before} to {series[one]}")
            self.highest[one] = max(before, series[one])
        if series.get(RECORDS, 0) > written:
            self.problems.append(f"{series[RECORDS]} records counted of {written} written")
        self._check_sums(series)
        self.newest = series
        return series

    def _check_sums(self, series: Series) -> None:
        """Counters of one scrape are those of one moment: whatever counts all records is equal."""
        if RECORDS not in series:
            return
        sums: Counter[tuple[str, ...]] = Counter()
        for (name, labels), value in series.items():
            own = dict(labels)
            if name == "model_predictions_total":
                sums["records",] += int(value)
                sums["predictions", own["version"]] += int(value)
            elif name == "model_column_bin_total":
                sums["bins", own["version"], own["kind"], own["column"]] += int(value)
        for place, total in sums.items():
            expected = series[RECORDS] if place[0] == "records" else sums["predictions", place[1]]
            if total != expected:
                self.problems.append(f"{place}: {total} counted where there were {expected}")
