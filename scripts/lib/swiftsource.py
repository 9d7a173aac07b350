"""Just enough of Swift's syntax to measure it: text without comments and literals, and the extent of functions."""

import re
from dataclasses import dataclass


@dataclass
class Function:
    name: str
    line: int
    lines: int
    parameters: int


def blanked(text):
    """The text with comments and the contents of string literals as blanks; line breaks stay where they are."""
    out = list(text)
    _blank_code(text, 0, out, in_interpolation=False)
    return "".join(out)


def _erase(out, start, end):
    for index in range(start, min(end, len(out))):
        if out[index] != "\n":
            out[index] = " "


def _blank_code(text, index, out, in_interpolation):
    """Blanks from index to the end of the text, or behind the parenthesis that closes an interpolation."""
    depth = 0
    while index < len(text):
        if text.startswith("//", index):
            end = text.find("\n", index)
            end = len(text) if end < 0 else end
            _erase(out, index, end)
            index = end
        elif text.startswith("/*", index):
            index = _blank_comment(text, index, out)
        elif text[index] in '"#' and (opening := re.compile(r'(#*)("""|")').match(text, index)):
            index = _blank_string(text, index, out, opening)
        elif text[index] == "/" and (end := _regex_end(text, index)):
            _erase(out, index, end)
            index = end
        else:
            if in_interpolation and text[index] == "(":
                depth += 1
            elif in_interpolation and text[index] == ")":
                if depth == 0:
                    return index + 1
                depth -= 1
            index += 1
    return index


def _regex_end(text, start):
    """The index behind a regular expression that begins here; None when the slash divides."""
    before = text[:start].rstrip(" ")[-1:]
    match = re.compile(r"/(?! )(?:[^/\\\n]|\\.)+/").match(text, start)
    return match.end() if match and before in "(,=:[{!&|?\n" else None


def _blank_comment(text, start, out):
    depth, index = 0, start
    while index < len(text):
        if text.startswith("/*", index):
            depth, index = depth + 1, index + 2
        elif text.startswith("*/", index):
            depth, index = depth - 1, index + 2
            if depth == 0:
                break
        else:
            index += 1
    _erase(out, start, index)
    return index


def _blank_string(text, start, out, opening):
    marks, quote = opening.group(1), opening.group(2)
    close, escape = quote + marks, "\\" + marks
    index = opening.end()
    while index < len(text):
        if text.startswith(close, index):
            return index + len(close)
        if text.startswith(escape + "(", index):
            _erase(out, index, index + len(escape) + 1)
            index = _blank_code(text, index + len(escape) + 1, out, in_interpolation=True)
            _erase(out, index - 1, index)
        elif text.startswith(escape, index):
            _erase(out, index, index + len(escape) + 1)
            index += len(escape) + 1
        elif quote == '"' and text[index] == "\n":
            return index
        else:
            _erase(out, index, index + 1)
            index += 1
    return index


def closing(code, index):
    """The index behind the bracket that closes the one at index, in blanked code; the end when there is none."""
    pairs, depth = {"(": ")", "[": "]", "{": "}"}, []
    while index < len(code):
        character = code[index]
        if character in pairs:
            depth.append(pairs[character])
        elif depth and character == depth[-1]:
            depth.pop()
            if not depth:
                return index + 1
        index += 1
    return len(code)


def functions(code):
    """Every function, initializer and subscript with a body, in blanked code."""
    start = re.compile(r"(?<![.\w`])(?:func\s+(?P<name>[^\s(<]+)|(?P<kind>init|subscript)[?!]?)\s*(?=[(<])")
    for match in start.finditer(code):
        index = match.end()
        if code[index] == "<":
            index = _behind_generics(code, index)
        opening = code.find("(", index)
        if opening < 0:
            continue
        end = closing(code, opening)
        body = _body(code, end)
        if body is None:
            continue
        line = code.count("\n", 0, match.start()) + 1
        last = code.count("\n", 0, closing(code, body)) + 1
        yield Function(
            match.group("name") or match.group("kind"), line, last - line + 1, _parameters(code[opening + 1 : end - 1])
        )


def _behind_generics(code, index):
    depth = 0
    while index < len(code):
        if code[index] == "<":
            depth += 1
        elif code[index] == ">" and code[index - 1] != "-":
            depth -= 1
            if depth == 0:
                return index + 1
        index += 1
    return index


def _body(code, index):
    """The brace that opens the body behind a parameter list; None for a requirement without one."""
    signature = re.compile(
        r"\s*(?:(?:async|rethrows|throws(?:\s*\([^()]*\))?)\s*)*(?:->\s*(?P<result>[^{]*?))?(?:\bwhere\b[^{]*?)?\s*\{"
    )
    match = signature.match(code, index)
    if not match:
        return None
    between = code[index : match.end() - 1]
    # Another declaration before the brace means that this one had no body.
    if re.search(r"^\s*(?:@|package|private|public|static|mutating|func|var|let|init|case|extension|struct|}|\))",
                 between.lstrip(" "), re.MULTILINE):
        return None
    return match.end() - 1


def _parameters(text):
    if not text.strip():
        return 0
    depth, count = 0, 1
    for index, character in enumerate(text):
        if character in "([{<":
            depth += 1
        elif character in ")]}" or (character == ">" and text[index - 1] != "-"):
            depth -= 1
        elif character == "," and depth == 0:
            count += 1
    return count
