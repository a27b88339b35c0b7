"""Whether a problem is already asked by another one: the same text, most of its words in runs, or the same content.

Numbers decide: problems of one template whose numbers differ are different problems. The rules, as they are tried:

same      equal after normalisation
overlap   one stands in the other: runs of 8 words cover most of it, and nearly all its content words and numbers occur
near      at least 85 % of all content words are common, and the numbers are equal (candidates by MinHash)
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher

import msgspec
from datasketch import MinHash, MinHashLSH

RUN = 8  # words
COVERED = 0.6  # share of the words of the contained problem
NUMBERS = 0.9  # share of its numbers
CONTENT = 11 / 12  # share of its content words: in a short problem, one other word makes another problem
COMMON = 0.85  # for `near`, share of the content words of both
FEWEST = 8  # content words; below, only equal texts count
CANDIDATES = 0.6  # estimated share of content words that is worth a closer look
PERMUTATIONS = 64
LONGEST_SPAN = 60  # words

_PICTURE = re.compile(r"\[asy\].*?\[/asy\]", re.DOTALL)
_MARKUP = re.compile(r"\\(?:left|right|displaystyle|[dt](?=frac)|text\w*|math\w+|[,;:! ])|[{}$~]|\\(?=\w)")
_SEPARATOR = re.compile(r"(?<=\d)(?:,|\{,\}|\\[,!])+(?=\d{3}(?!\d))")
_NUMBERING = re.compile(r"\s*(?:(?:problem|question|exercise|example)\s*\d+\s*[.:)]?|\(?\d{1,3}[.)]\s)\s*")
_WORD = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+|[-+*/=<>^!|%&]")
# Words that change with the phrasing of a problem, not with the problem.
_FUNCTION = "a an and are as at be by can for from given has have how if in is it its let many must no of on one or out"
_FUNCTION += " such suppose that the their then there these this to when where which will with you your"
_REQUEST = (
    "answer calculate compute determine do does each evaluate express find following form number output please print"
)
_PLAIN = frozenset(f"{_FUNCTION} {_REQUEST} report return show solve value what write".split())


class Asked(msgspec.Struct, frozen=True):
    """The part of a Problem that is compared."""

    id: str
    set: str
    question: str


class Hit(msgspec.Struct):
    """A problem that another one already asks, by which rule, to which share, and the longest common run of words.

    held_out: whether the other is a benchmark's. span: None where the other's text must not be shown.
    """

    problem: str
    set: str
    other: str
    other_set: str
    held_out: bool
    rule: str
    share: float
    span: str | None


class Shared(msgspec.Struct):
    """How many problems of a set another one asks by a rule, with a few of the hits."""

    set: str
    other_set: str
    held_out: bool
    rule: str
    problems: int
    examples: list[Hit]


class Summary(msgspec.Struct):
    """What was compared, as set -> problems, and what was found."""

    recipe: str
    training: dict[str, int]
    benchmarks: dict[str, int]
    hits: list[Shared]


class Text:
    """A question as words, with what the rules compare."""

    def __init__(self, question: str):
        self.words = words(question)
        self.same = tuple(self.words) or (question,)  # a picture has no words: only its own text is the same
        self.runs = [hash(tuple(self.words[start : start + RUN])) for start in range(len(self.words) - RUN + 1)]
        self.numbers = Counter(word for word in self.words if word[0].isdigit())
        self.content = Counter(word for word in self.words if word not in _PLAIN)

    def sketch(self) -> MinHash:
        """A MinHash of the content words, repeated ones told apart."""
        sketch = MinHash(PERMUTATIONS)
        sketch.update_batch([f"{word} {n}".encode() for word, count in self.content.items() for n in range(count)])
        return sketch


class Index:
    """Problems in which others are looked up. held_out: whether they are a benchmark's."""

    def __init__(self, held_out: bool = False) -> None:
        self._held_out = held_out
        self._asked: list[Asked] = []
        self._texts: list[Text] = []
        self._same: dict[tuple[str, ...], int] = {}
        self._runs: dict[int, list[int]] = {}
        self._sketches = MinHashLSH(CANDIDATES, PERMUTATIONS)

    def add(self, asked: Asked) -> None:
        text, place = Text(asked.question), len(self._texts)
        self._asked.append(asked)
        self._texts.append(text)
        self._same.setdefault(text.same, place)
        for run in set(text.runs):
            self._runs.setdefault(run, []).append(place)
        if text.content.total() >= FEWEST:
            self._sketches.insert(place, text.sketch())

    def find(self, asked: Asked) -> Hit | None:
        """The best match of a problem: of the first rule that holds, the largest share. None when none holds."""
        text = Text(asked.question)
        if (place := self._same.get(text.same)) is not None:
            return self._hit(asked, text, place, "same", 1.0)
        for rule, shares in (("overlap", self._overlaps(text)), ("near", self._nears(text))):
            best = max(shares, default=None)
            if best is not None:
                return self._hit(asked, text, best[1], rule, best[0])
        return None

    def _overlaps(self, text: Text) -> Iterator[tuple[float, int]]:
        shared = Counter(place for run in set(text.runs) for place in self._runs.get(run, ()))
        for place, runs in shared.items():
            other = self._texts[place]
            if runs * RUN >= COVERED * min(len(text.words), len(other.words)):
                covered = max(contained(text, other), contained(other, text))
                if covered >= COVERED:
                    yield covered, place

    def _nears(self, text: Text) -> Iterator[tuple[float, int]]:
        if text.content.total() < FEWEST:
            return
        for place in self._sketches.query(text.sketch()):
            other = self._texts[place]
            common = (text.content & other.content).total() / (text.content | other.content).total()
            if common >= COMMON and text.numbers == other.numbers:
                yield common, place

    def _hit(self, asked: Asked, text: Text, place: int, rule: str, share: float) -> Hit:
        other = self._asked[place]
        span = longest_span(text.words, self._texts[place].words)
        return Hit(asked.id, asked.set, other.id, other.set, self._held_out, rule, round(share, 3), span)


def words(question: str) -> list[str]:
    """The words, numbers and operators of a question, without case, markup, punctuation and leading numbering."""
    plain = _PICTURE.sub(" ", unicodedata.normalize("NFKC", question).lower())
    if numbering := _NUMBERING.match(plain):
        plain = plain[numbering.end() :]
    return _WORD.findall(_MARKUP.sub(" ", _SEPARATOR.sub("", plain)))


def contained(text: Text, other: Text) -> float:
    """The share of a text's words in runs that the other has too; 0 unless nearly all its content and numbers occur."""
    if share(text.numbers, other.numbers) < NUMBERS or share(text.content, other.content) < CONTENT:
        return 0.0
    theirs, end, count = set(other.runs), 0, 0
    for start, run in enumerate(text.runs):
        if run in theirs:
            count += start + RUN - max(start, end)
            end = start + RUN
    return count / len(text.words)


def share(part: Counter[str], whole: Counter[str]) -> float:
    """The share of `part` that is in `whole`; all of nothing is 1."""
    return (part & whole).total() / part.total() if part else 1.0


def longest_span(words: list[str], others: list[str]) -> str:
    """The longest run of words in both, cut at 60 words."""
    match = SequenceMatcher(None, words, others, autojunk=False).find_longest_match()
    return " ".join(words[match.a : match.a + min(match.size, LONGEST_SPAN)])


def compare(training: Iterable[Asked], benchmarks: Index) -> Iterator[Hit]:
    """The training problems that a benchmark asks or, of the rest, an earlier one asks. One hit at most a problem."""
    earlier = Index()
    for asked in training:
        if hit := benchmarks.find(asked) or earlier.find(asked):
            yield hit
        else:
            earlier.add(asked)
