"""Pairs of answers that are suspiciously alike: the same steps, whatever the names, comments and layout.

An answer that many gave, or that is near to the course's own, says nothing about a pair. No short answer does either: there
are few ways to write it.
"""

import io
import itertools
import keyword
import tokenize
from collections import Counter, defaultdict

PIECE = 8  # tokens
SHORTEST = 45  # tokens of an answer that is looked at
ALIKE, COMMON = 0.85, 0.1
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER}


def tokens(source: str) -> list[str]:
    """The tokens of a program, names in the order in which they first come, texts and layout left out."""
    names: dict[str, str] = {}
    found, before = [], ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(source[:20_000]).readline):
            if token.type in LAYOUT or token.type == tokenize.STRING:
                continue
            text = token.string
            if token.type == tokenize.NAME and not keyword.iskeyword(text) and before != ".":
                text = names.setdefault(text, f"name{len(names)}")
            found.append(text)
            before = token.string
    except (tokenize.TokenError, SyntaxError, IndentationError):
        pass  # as far as it can be read
    return found


def pieces(source: str) -> frozenset:
    parts = tokens(source)
    return frozenset(tuple(parts[k : k + PIECE]) for k in range(len(parts) - PIECE + 1)) if len(parts) >= SHORTEST else frozenset()


def alike(answers: dict[str, dict[str, str]], courses: dict[str, str]) -> list[tuple[float, str, str, str]]:
    """(how much, exercise, student, student), most alike first.

    Args:
        answers: exercise -> student -> text.
        courses: exercise -> the course's text of it: skeleton and solution.
    """
    found = []
    for exercise, texts in answers.items():
        given = pieces(courses.get(exercise, ""))
        theirs = {student: pieces(text) for student, text in texts.items()}
        counts = Counter(itertools.chain.from_iterable(theirs.values()))
        usual = {piece for piece, number in counts.items() if number > max(3, COMMON * len(texts))}
        own = {student: found_in - given - usual for student, found_in in theirs.items()}
        own = {student: left for student, left in own.items() if len(left) > 0.4 * len(theirs[student])}
        for one, other in itertools.combinations(sorted(own), 2):
            share = len(own[one] & own[other]) / len(own[one] | own[other])
            if share >= ALIKE:
                found.append((share, exercise, one, other))
    return sorted(found, key=lambda pair: (-pair[0], pair[1:]))


def by_exercise(steps_of: dict[str, list[tuple[str, str]]]) -> dict[str, dict[str, str]]:
    """exercise -> student -> text, of student -> (exercise, text) pairs."""
    answers: dict[str, dict[str, str]] = defaultdict(dict)
    for student, parts in steps_of.items():
        for exercise, text in parts:
            answers[exercise][student] = answers[exercise].get(student, "") + text + "\n"
    return dict(answers)
