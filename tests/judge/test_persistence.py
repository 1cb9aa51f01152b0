from drift_exporter.judge.persistence import Confidences, History


def confidences(value: float) -> Confidences:
    return {("feature", "x"): value}


def test_without_persistence_nothing_is_remembered() -> None:
    history = History(1)
    history.note("1", "1h", 5, confidences(0.9))
    assert () == tuple(history.earlier("1", "1h", 6) or ())
    assert {} == history.evaluations


def test_as_many_evaluations_as_asked_for_have_to_be_there() -> None:
    history = History(3)
    found = []
    for step in range(5):
        earlier = history.earlier("1", "1h", step)
        found.append(None if earlier is None else [dict(one)["feature", "x"] for one in earlier])
        history.note("1", "1h", step, confidences(step / 10))
    assert [None, None, [0.0, 0.1], [0.1, 0.2], [0.2, 0.3]] == found
    assert history.earlier("2", "1h", 5) is None
    assert history.earlier("1", "24h", 5) is None


def test_evaluations_of_the_same_step_are_one() -> None:
    history = History(2)
    for value in (0.1, 0.2, 0.3):
        history.note("1", "1h", 7, confidences(value))
        assert history.earlier("1", "1h", 7) is None
    earlier = history.earlier("1", "1h", 8)
    assert [confidences(0.3)] == list(earlier or ())


def test_a_changed_model_goes_on_with_what_is_known() -> None:
    old = History(3)
    for step in range(3):
        old.note("1", "1h", step, confidences(step / 10))
    shorter, longer, none = History(2), History(4), History(1)
    for new in (shorter, longer, none):
        new.adopt(old)
    assert [confidences(0.2)] == list(shorter.earlier("1", "1h", 3) or ())
    assert 3 == len(longer.earlier("1", "1h", 3) or ())
    assert {} == none.evaluations
