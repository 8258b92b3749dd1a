"""Sentences that the simulated reader reads: a small grammar of our own, three tasks in the manner of ZuCo.

``SR`` are short opinions on films, ``NR`` plain statements on people and places, ``TSR`` sentences that state a relation
(born in, works for, married to). Every sentence belongs to one part, ``train`` or ``test``, by a hash of its words alone
(`part_of`), so that what one process trains on no other process tests on.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import SettingsError
from bci_app.text.words import sentence_key

Task = Literal["SR", "NR", "TSR"]
Part = Literal["train", "test"]
TASKS: Final[tuple[Task, ...]] = get_args(Task)
FUNCTION: Final = "FUNCTION"
"""The class of all words that no class of the grammar holds: articles, prepositions, forms of be and the like."""
TEST_SHARE: Final = 5
"""One sentence in so many belongs to the part ``test``."""
SHORT: Final = 3
"""Letters of a function word that the eyes may pass over, at most."""
TRIES_EACH, PRIOR_SENTENCES = 200, 3000


def _each(words: str) -> tuple[str, ...]:
    return tuple(words.split())


# A word that stands in two classes belongs to the first.
CLASSES: Final = MappingProxyType(
    {
        "PRAISE": _each(
            "brilliant charming clever funny gripping honest lovely moving original powerful sharp stylish subtle sweet "
            "tender thoughtful touching warm witty elegant fresh lively graceful vivid"
        ),
        "BLAME": _each(
            "boring clumsy cold confusing dull empty flat lazy loud messy noisy pointless shallow silly slow stale tired "
            "ugly weak predictable careless hollow"
        ),
        "FILM": _each("film movie comedy drama thriller romance western documentary sequel musical cartoon mystery"),
        "PART": _each(
            "plot script dialogue story cast acting pace ending opening soundtrack camera humor editing performance"
        ),
        "ROLE": _each("actor actress director hero villain narrator star producer dancer clown"),
        "TOPIC": _each(
            "love war grief friendship family money power memory loneliness youth crime revenge hope fear faith freedom "
            "justice ambition"
        ),
        "DEGREE": _each("very quite rather deeply truly surprisingly"),
        "OFTEN": _each("often always never rarely"),
        "LOOKS": _each("seems feels remains looks"),
        "LIKED": _each("loved enjoyed admired praised"),
        "DISLIKED": _each("hated disliked mocked endured"),
        "VIEWERS": _each("critics viewers fans children audiences adults"),
        "TELLS": _each("tells offers delivers presents"),
        "TALE": _each("tale lesson journey puzzle adventure"),
        "MAN": _each("Brian David Frank Henry James Louis Oscar Peter Simon Thomas Victor Walter Bruno Felix"),
        "WOMAN": _each("Anna Clara Elena Grace Irene Karen Maria Nora Rosa Alice Emma Julia Sophie Helen"),
        "CITY": _each(
            "Berlin Paris London Rome Madrid Vienna Oslo Lisbon Athens Prague Dublin Boston Chicago Toronto Tokyo Cairo "
            "Sydney Moscow Warsaw Zurich"
        ),
        "COUNTRY": _each(
            "France Spain Italy Germany Poland Norway Greece Ireland Canada Japan Egypt Brazil India Mexico"
        ),
        "NATION": _each(
            "French Spanish Italian German Polish Norwegian Greek Irish Canadian Japanese Egyptian Brazilian"
        ),
        "JOB": _each(
            "teacher lawyer doctor painter writer poet farmer engineer soldier banker singer judge nurse pilot composer "
            "chemist sailor architect priest sculptor journalist carpenter"
        ),
        "PLACE": _each(
            "school church bank museum library hospital theater factory castle bridge station market garden college "
            "hotel prison"
        ),
        "KIND": _each("old small large famous modern quiet busy ancient tall narrow beautiful grand older"),
        "NATURE": _each("river lake hill forest coast mountain valley island desert harbor"),
        "SIDE": _each("north south east west"),
        "SUBJECT": _each("law medicine history physics chemistry philosophy art mathematics economics biology"),
        "WORK": _each("novel opera poem song symphony book play portrait statue"),
        "FINISHED": _each("finished sold copied completed"),
        "BUILT": _each("built designed founded opened"),
        "KINSMAN": _each("brother father son uncle nephew"),
        "KINSWOMAN": _each("sister mother daughter aunt niece"),
        "YEAR": _each("1890 1900 1910 1920 1930 1940 1950 1960 1970 1980"),
        "SEASON": _each("spring summer autumn winter"),
        "NUMBER": _each("two three four five six ten"),
        "EMPLOYER": _each("army navy government newspaper railway"),
        "AWARD": _each("prize medal award"),
        "DOES": _each(
            "became born died gives graduated lies lived married moved received returned stands studied taught visited "
            "worked works"
        ),
    }
)
_PHRASES: Final = MappingProxyType(
    {
        "PERSON": ("MAN", "WOMAN"),
        "KIN": ("KINSMAN", "KINSWOMAN"),
        "IS": ("is", "is", "LOOKS"),
        "PRAISED": ("PRAISE", "DEGREE PRAISE", "OFTEN PRAISE", "PRAISE and PRAISE"),
        "BLAMED": ("BLAME", "DEGREE BLAME", "OFTEN BLAME", "BLAME and BLAME"),
    }
)
TEMPLATES: Final = MappingProxyType[Task, tuple[str, ...]](
    {
        "SR": (
            "the FILM IS PRAISED",
            "this FILM IS BLAMED",
            "a PRAISE and PRAISE FILM about TOPIC and TOPIC",
            "a BLAME FILM that never LOOKS PRAISE",
            "the PART IS PRAISED but the PART IS BLAMED",
            "the ROLE gives a PRAISE performance in this BLAME FILM",
            "VIEWERS LIKED the PART of this DEGREE PRAISE FILM",
            "VIEWERS DISLIKED the BLAME PART and the BLAME ROLE",
            "this FILM TELLS a PRAISE TALE about TOPIC",
            "despite a BLAME PART, the FILM IS PRAISED",
            "neither the PART nor the PART IS PRAISE",
            "it is a DEGREE BLAME FILM with a PRAISE ROLE",
            "too BLAME for VIEWERS and too BLAME for VIEWERS",
            "with its PRAISE PART, the FILM TELLS a PRAISE TALE",
        ),
        "NR": (
            "PERSON was a NATION JOB",
            "PERSON was a NATION JOB who lived in CITY",
            "PERSON studied SUBJECT in CITY and later became a JOB",
            "in YEAR PERSON moved from CITY to CITY",
            "the KIND PLACE in CITY was BUILT in YEAR",
            "the PLACE stands near a KIND NATURE in the SIDE of COUNTRY",
            "CITY lies near a KIND NATURE",
            "PERSON taught SUBJECT at the PLACE before the war",
            "after the SEASON of YEAR, PERSON returned to COUNTRY",
            "a NATION JOB BUILT the KIND PLACE near the NATURE",
            "PERSON FINISHED a PRAISE WORK about the NATURE near CITY",
            "MAN lived with his KIN in a KIND PLACE near CITY",
            "WOMAN lived with her KIN in a KIND PLACE near CITY",
            "the PLACE in CITY is NUMBER years older than the PLACE",
            "PERSON worked as a JOB in COUNTRY for NUMBER years",
            "every SEASON, PERSON visited the KIND NATURE with a JOB",
        ),
        "TSR": (
            "PERSON was born in CITY",
            "PERSON was born in CITY in YEAR",
            "PERSON, a NATION JOB, was born in CITY",
            "PERSON works for the EMPLOYER in CITY",
            "MAN is married to the NATION JOB WOMAN",
            "WOMAN is married to the NATION JOB MAN",
            "MAN is the KINSMAN of the JOB PERSON",
            "WOMAN is the KINSWOMAN of the JOB PERSON",
            "PERSON graduated from the college of CITY in YEAR",
            "PERSON died in CITY in the SEASON of YEAR",
            "in YEAR the JOB PERSON founded a PLACE in CITY",
            "PERSON received the AWARD for a PRAISE WORK in YEAR",
            "PERSON was born in COUNTRY and died in CITY",
            "MAN married WOMAN, the KINSWOMAN of a JOB, in CITY",
            "PERSON, who studied SUBJECT, works for the EMPLOYER in COUNTRY",
            "the KIN of PERSON works as a JOB for the EMPLOYER",
        ),
    }
)
_RULES: Final = CLASSES | _PHRASES
_SLOT = re.compile(r"([A-Z]{2,})(\W*)")
_AN = re.compile(r"[aeio]|u(?!ni|s)|honest")


def sentences(task: Task, n: int, seed: int = 0, part: Part | None = None) -> tuple[str, ...]:
    """`n` sentences of a task, no two the same.

    Parameters
    ----------
    task : {"SR", "NR", "TSR"}
        What they are about.
    n : int
        How many.
    seed : int
        Equal seeds give equal sentences; the first of many are those of few.
    part : {"train", "test"} or None
        To which part they belong; None takes both.

    Raises
    ------
    SettingsError
        If the task is unknown, or the grammar does not make so many.
    """
    if task not in TEMPLATES:
        raise SettingsError(f"The simulated reader knows the tasks {', '.join(TASKS)}; got {task!r}. Choose of these.")
    rng = np.random.default_rng([seed, TASKS.index(task)])
    made: dict[str, str] = {}
    for _ in range(TRIES_EACH * n):
        if len(made) == n:
            break
        sentence = _sentence(task, rng)
        key = sentence_key(sentence)
        if sentence and (part is None or part_of(sentence) == part):
            made.setdefault(key, sentence)
    if len(made) < n:
        raise SettingsError(
            f"The grammar must make {n} different sentences of task {task}; it made {len(made)}. Ask for fewer."
        )
    return tuple(made.values())


def part_of(sentence: str) -> Part:
    """The part that a sentence belongs to, by its words alone; one in `TEST_SHARE` belongs to ``test``."""
    digest = hashlib.sha256(sentence_key(sentence).encode()).digest()
    return "test" if int.from_bytes(digest[:8], "big") % TEST_SHARE == 0 else "train"


@lru_cache(maxsize=1)
def vocabulary() -> MappingProxyType[str, str]:
    """Every word that the grammar can make, as `sentence_key` writes it, with its class; sorted by word."""
    found = {sentence_key(word): name for name, words in reversed(list(CLASSES.items())) for word in words}
    rules = [rule for rules in (*TEMPLATES.values(), *_PHRASES.values()) for rule in rules]
    plain = {sentence_key(token) for rule in rules for token in rule.split() if not _SLOT.fullmatch(token)}
    found |= dict.fromkeys((plain | {"an"}) - found.keys(), FUNCTION)
    return MappingProxyType(dict(sorted(found.items())))


@lru_cache(maxsize=16)
def word_prior(tasks: tuple[Task, ...] = TASKS) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The words of the tasks, and how often each comes among all words read, counted over `PRIOR_SENTENCES` per task."""
    counts: Counter[str] = Counter()
    for task in tasks:
        for sentence in sentences(task, PRIOR_SENTENCES):
            counts.update(sentence_key(sentence).split())
    words = tuple(sorted(counts))
    share = np.array([counts[word] for word in words]) / counts.total()
    share.flags.writeable = False
    return words, share


def looked_at(sentence: str, omission: float, rng: np.random.Generator) -> tuple[str, ...]:
    """The printed words that are looked at: function words of up to `SHORT` letters are passed over with a probability.

    As many random numbers are drawn as the sentence has words, whatever the probability; at least one word is looked at.
    """
    words, known = tuple(sentence.split()), vocabulary()
    drawn = rng.random(len(words))
    short = [known.get(key) == FUNCTION and len(key) <= SHORT for key in map(sentence_key, words)]
    kept = tuple(word for word, may, draw in zip(words, short, drawn, strict=True) if not (may and draw < omission))
    return kept or words[:1]


def _sentence(task: Task, rng: np.random.Generator) -> str:
    """One sentence; empty if a word of a class came twice in it."""
    templates = TEMPLATES[task]
    words = _expand(templates[int(rng.integers(len(templates)))], rng)
    keys = [sentence_key(word) for word in words]
    known = vocabulary()
    told = [key for key in keys if known[key] != FUNCTION]
    if len(set(told)) < len(told):
        return ""
    for place, (word, following) in enumerate(zip(words, keys[1:], strict=False)):
        if word == "a" and _AN.match(following):
            words[place] = "an"
    text = " ".join(words)
    return f"{text[0].upper()}{text[1:]}."


def _expand(rule: str, rng: np.random.Generator) -> list[str]:
    words: list[str] = []
    for token in rule.split():
        slot = _SLOT.fullmatch(token)
        if slot is None:
            words.append(token)
            continue
        options = _RULES[slot[1]]
        words += _expand(options[int(rng.integers(len(options)))], rng)
        words[-1] += slot[2]
    return words
