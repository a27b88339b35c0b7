"""What is said of a mixture before it is trained on."""

import json

import pytest
from small_training import mixture

from skymake import UserError, markers, mixtures, records, rows


@pytest.fixture
def train(tmp_path):
    return mixture(tmp_path / "mixture", count=10)


def spoil(train, number: int, change) -> None:
    """Change the row of a number; 1 is the first."""
    read = list(records.read(train, mixtures.Row))
    change(read[number - 1].conversations)
    records.write(train, read)


def test_a_good_mixture_is_counted(train):
    assert rows.check(train, pairs=False, marked=True) == 10


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda turns: turns.pop(), "the roles are user; they must be user and assistant in turn"),
        (lambda turns: turns.reverse(), "the roles are assistant, user"),
        (lambda turns: turns.clear(), "the roles are none"),
        (lambda turns: setattr(turns[0], "role", "human"), "the roles are human, assistant"),
        (lambda turns: setattr(turns[1], "value", " \n"), "a turn of the assistant is empty"),
        (lambda turns: setattr(turns[1], "value", "The answer is 5."), "four markers once and in order"),
    ],
)
def test_a_bad_row_is_named(train, change, said):
    spoil(train, 4, change)
    with pytest.raises(UserError, match=rf"train\.jsonl:4: .*{said}"):
        rows.check(train, pairs=False, marked=True)


def test_a_row_of_another_form_is_named(train):
    lines = train.read_text().splitlines()
    lines[2] = json.dumps({"prompt": "?"})
    train.write_text("\n".join(lines))
    with pytest.raises(UserError, match=r"train\.jsonl:3: "):
        rows.check(train, pairs=False, marked=True)


def test_of_many_bad_rows_the_first_are_named_and_the_others_counted(train):
    for number in range(2, 11):
        spoil(train, number, list.clear)
    with pytest.raises(UserError) as told:
        rows.check(train, pairs=False, marked=False)
    assert str(told.value).count("train.jsonl:") == rows.SHOWN and "and 4 more" in str(told.value)


def test_only_the_answer_to_learn_must_be_in_markers(train):
    good, bare = markers.join("2 + 3", "5"), "6"
    records.write(train, [mixtures.pair("", "?", good, bare)])
    assert rows.check(train, pairs=True, marked=True) == 1
    records.write(train, [mixtures.pair("", "?", bare, good)])
    with pytest.raises(UserError, match="four markers once and in order"):
        rows.check(train, pairs=True, marked=True)


def test_both_answers_of_a_pair_are_looked_at(train):
    good, bad = mixtures.pair("", "?", "5", "6"), mixtures.pair("", "?", "5", "")
    records.write(train, [good, bad])
    with pytest.raises(UserError, match=r"train\.jsonl:2: a turn of the assistant is empty"):
        rows.check(train, pairs=True, marked=False)


def test_an_empty_mixture_is_refused(train):
    train.write_text("")
    with pytest.raises(UserError, match="no trace survived the curation"):
        rows.check(train, pairs=False, marked=True)


LENGTHS = [100] * 8 + [257, 300]


def prepare(train, over_long: str, packing: bool = False, lengths=LENGTHS):
    return rows.prepare(train, lengths, 256, over_long, packing, train.parent.parent / "kept")


def test_a_mixture_that_fits_is_trained_on_as_it_is(train):
    assert prepare(train, "error", lengths=[256] * 10) == rows.Mixture(str(train.parent), 10, 2560, 0)


def test_over_long_rows_are_an_error_that_names_them(train):
    with pytest.raises(UserError, match=r"2 of 10 rows have more than 256 tokens, .*train\.jsonl:9 \(257\)"):
        prepare(train, "error")


def test_over_long_rows_are_dropped_from_a_copy(train, caplog):
    left = prepare(train, "drop")
    assert (left.rows, left.tokens, left.over_long) == (8, 800, 2) and "2 of 10 rows" in caplog.text
    kept = train.parent.parent / "kept"
    assert (kept / "train.jsonl").read_bytes().splitlines() == train.read_bytes().splitlines()[:8]
    assert (kept / "dataset_info.json").exists()


def test_over_long_rows_are_left_to_the_trainer_to_truncate(train, caplog):
    assert prepare(train, "truncate") == rows.Mixture(str(train.parent), 10, 800 + 2 * 256, 2)
    assert "cut off there" in caplog.text


def test_packed_rows_cannot_be_truncated(train):
    with pytest.raises(UserError, match="cannot truncate packed rows"):
        prepare(train, "truncate", packing=True)


def test_a_mixture_of_over_long_rows_alone_is_refused(train):
    with pytest.raises(UserError, match="nothing to train on"):
        prepare(train, "drop", lengths=[300] * 10)
