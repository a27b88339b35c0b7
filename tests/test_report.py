"""The funnel counts every record once; the report shows it all, and nothing that it must not."""

import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import small_report
from small_report import SECRET, SETS

from count_funnel import count_funnel
from skymake import UserError, comparison, records
from skymake.funnel import CLIP, Funnel
from skymake.records import Verdict

ROOT = Path(__file__).parents[1]
MODELS = {"base": 4, "student": 16, "teacher": 12}
EMPTY = ("failures", "filtered", "reformatted", "rejections", "reformatted_verdicts", "provenance", "dropped")
BENCHMARKS = ("sums_test", "puzzles_test")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return small_report.write(tmp_path_factory.mktemp("report"), MODELS, BENCHMARKS, "base", 1)


@pytest.fixture
def count(tmp_path):
    """Count the funnel of the small recipe, with some of its files replaced."""

    def run(**changed) -> dict:
        inputs = small_report.write_recipe(tmp_path)
        for name, entries in changed.items():
            records.write(tmp_path / f"{name}.jsonl", entries)
        count_funnel(**inputs, funnel=tmp_path / "funnel.json", recipe="student", private=["secrets"])
        return {part.set: part for part in records.read_json(tmp_path / "funnel.json", Funnel).sets}

    return run


class Elements(HTMLParser):
    """All start tags of a page with their attributes, and its text."""

    def __init__(self, page: str):
        super().__init__()
        self.found, self.text, self.open = [], "", []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def attributes(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.found if name in attributes]


def test_every_stage_is_counted(count):
    sets = count()
    stages = ["problems", "traces", "filtered", "reformatted", "verified", "kept"]
    assert [sets["sums"].counts[stage] for stage in stages] == [8, 8, 5, 5, 4, 3]
    assert [sets["scripts"].counts[stage] for stage in stages] == [4, 4, 3, 3, 3, 3]
    assert sets["sums"].rows == 9


def test_every_loss_has_a_reason(count):
    sets = count()
    assert sets["sums"].lost == {
        "problems": {"a repeat": 1},
        "traces": {"timeout": 1},
        "filtered": {"wrong": 2, "no_answer": 1},
        "reformatted": {"no_place_to_cut": 1},
        "verified": {"wrong": 1},
        "kept": {"asked by another problem already": 1},
    }
    assert sets["scripts"].lost == {"filtered": {"runtime_error": 1}}


def test_published_answers_without_a_key_are_no_rejections(count, tmp_path):
    small_report.write_recipe(tmp_path)
    verdicts = list(records.read(tmp_path / "verdicts.jsonl", Verdict))
    for verdict in verdicts:
        verdict.status = verdict.status.replace("correct", "unchecked")
    again = [verdict for verdict in verdicts if verdict.status == "unchecked"]
    sums = count(verdicts=verdicts, reformatted_verdicts=again)["sums"]
    assert (sums.counts["filtered"], sums.counts["verified"]) == (5, 5)
    assert sums.lost["filtered"] == {"wrong": 2, "no_answer": 1} and "verified" not in sums.lost


def test_what_is_asked_elsewhere_is_told_with_the_words_in_common_unless_they_are_private(page):
    text = " ".join(Elements(page).text.split())
    assert f"sums sums near 1 90 % sums-2, sums-0: {small_report.SHARED_WORDS}" in text
    assert "secrets add, a benchmark same 1 100 % secrets-1, add-0: (private)" in text
    assert text.count("not decontaminated") == len(BENCHMARKS)


def test_lengths_and_difficulties(count):
    part = count()["sums"]
    assert sum(part.tokens["filtered"]) == 5 and sum(part.tokens["rejected"]) == 3
    assert part.kept_tokens == 40 + 70 + 80
    assert part.difficulty == {"0": [3, 1], "1": [4, 1], "unrated": [1, 1]}


def test_examples_are_the_shortest_of_their_kind(count):
    problems = [small_report.make_problem("sums", "math", "What is 2 + 2?", number) for number in range(3)]
    texts = ["long " * 1000, "short", "middling"]
    traces = [small_report.make_trace(problem) for problem in problems]
    for trace, text in zip(traces, texts, strict=True):
        trace.text = text
    verdicts = [small_report.make_verdict(trace, "wrong") for trace in traces]
    nothing = {name: [] for name in EMPTY}
    (example,) = count(problems=problems, traces=traces, verdicts=verdicts, **nothing)["sums"].examples
    assert (example.text, example.answer, example.expected, example.detail) == ("short", "5", "4", "5 is not 4")
    alone = {"problems": problems[:1], "traces": traces[:1], "verdicts": verdicts[:1]}
    (example,) = count(**alone, **nothing)["sums"].examples
    assert len(example.text) < CLIP + 20 and "[...]" in example.text


def test_a_private_set_is_counted_but_not_shown(count):
    part = count()["secrets"]
    assert part.lost["filtered"] == {"wrong": 1} and part.examples == []


def test_verdicts_of_other_traces_are_refused(count):
    traces = [small_report.make_trace(small_report.make_problem("sums", "math", "?", number)) for number in (0, 1)]
    verdicts = [small_report.make_verdict(trace, "correct") for trace in reversed(traces)]
    with pytest.raises(UserError, match="sums-0, sample 0 has no verdict at its place"):
        count(traces=traces, verdicts=verdicts)


def test_the_page_needs_nothing_from_outside(page):
    elements = Elements(page)
    links = elements.attributes("src") + elements.attributes("href") + elements.attributes("xlink:href")
    assert links and all(link.startswith(("#", "data:,")) for link in links)
    assert "http" not in page and "@import" not in page and not re.search(r"url\((?!#)", page)
    assert not {tag for tag, _ in elements.found} & {"script", "iframe", "img", "object"}


@pytest.mark.parametrize("recipes", [1, 2])
def test_the_page_is_well_formed_for_all_readers(recipes, tmp_path):
    page = small_report.write(tmp_path, MODELS, BENCHMARKS, "base", recipes)
    elements = Elements(page)
    ids = elements.attributes("id")
    assert len(ids) == len(set(ids))
    anchors = [link[1:] for link in elements.attributes("href") if link.startswith("#")]
    anchors += [link[1:] for link in elements.attributes("xlink:href")] + elements.attributes("aria-labelledby")
    assert set(anchors) <= set(ids)
    pictures = [attributes for _, attributes in elements.found if attributes.get("class") == "picture"]
    assert len(pictures) >= 10 and all(len(a["aria-label"]) > 20 and a["role"] == "img" for a in pictures)
    assert len(pictures) == page.count("<svg")
    headings = [int(tag[1]) for tag, _ in elements.found if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1 and headings.count(1) == 1
    assert all(below <= above + 1 for above, below in itertools.pairwise(headings))


def test_the_page_shows_what_there_is(page):
    text = " ".join(Elements(page).text.split())
    assert "student solves 80.0 % of the problems of 2 benchmarks, on average: 60.0 points more than base" in text
    assert "learned from 7 verified answers to 14 problems" in text
    for shown in (
        "tiny project",
        "60.0",
        "2 wrong",
        "1 timeout",
        "1 runtime error",
        "What is 2 + 2?",
        "5 is not 4",
        "math 1",
        "owner/sums",
        "0ddba11",
        "trained here from base",
        "Environment serve: 2 packages torch==2.0, vllm==0.1",
    ):
        assert shown in text, shown
    assert "max_tokens 200" in text and "a & b" in text and "0.500" in text


def test_the_page_hides_what_it_must(page):
    assert SECRET not in page and SETS["secrets"][1] == SECRET


def test_what_models_write_stays_text(page):
    assert "<script" not in page and "&lt;script&gt;alert(" in page


def test_colours_belong_to_the_page(page):
    body = page[page.index("<body>") :]
    assert set(re.findall(r"#[0-9a-f]{6}\b", body)) == set(), "a picture has a colour of its own"
    assert "var(--series-1)" in body


def luminance(colour: str) -> float:
    """The relative luminance of `#rrggbb` (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_stands_out_from_the_paper(scheme):
    css = (ROOT / "scripts" / "skymake" / "report" / "page.css").read_text()
    light, dark = css.split("prefers-color-scheme: dark")[:2]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))
    paper = luminance(colours.pop("paper"))
    for name in colours.keys() - {"rule", "tint"}:  # lines and grounds, which say nothing
        low, high = sorted((paper, luminance(colours[name])))
        assert (high + 0.05) / (low + 0.05) >= (3 if name.startswith("series") else 4.5), name


def test_the_same_records_give_the_same_page(page, tmp_path):
    again = small_report.write(tmp_path, MODELS, BENCHMARKS, "base", 1)
    assert again == page


@pytest.mark.parametrize(
    ("models", "benchmarks", "baseline", "recipes", "sentence"),
    [
        ({"student": 16}, ("sums_test",), None, 0, "student solves 80.0 % of sums_test. "),
        ({"base": 16, "student": 16}, ("sums_test",), "base", 1, ": 0.0 points more than base, which is within noise."),
        ({"base": 16, "student": 2}, ("sums_test",), "base", 2, ": 70.0 points less than base, which noise does not"),
    ],
)
def test_other_projects_have_a_page_too(models, benchmarks, baseline, recipes, sentence, tmp_path):
    page = small_report.write(tmp_path, models, benchmarks, baseline, recipes)
    assert sentence in " ".join(Elements(page).text.split())
    assert ('id="recipes"' in page) == (recipes > 1) and ('id="training"' in page) == (recipes > 0)


def test_a_report_without_a_measured_score_is_refused(tmp_path):
    with pytest.raises(UserError, match="a report needs a score"):
        small_report.write(tmp_path, {}, ("sums_test",), None, 0)


def test_the_comparison_survives_its_file(tmp_path):
    small_report.write(tmp_path, MODELS, BENCHMARKS, "base", 0)
    table = comparison.read(tmp_path / "comparison.csv")
    assert list(table.columns) == comparison.COLUMNS
    assert comparison.markdown(table) == (tmp_path / "comparison.md").read_text()
