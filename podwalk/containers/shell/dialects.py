"""How the shells of the images differ: ash of BusyBox, dash of Debian as ``sh``, bash."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """The words and habits of one shell.

    Attributes:
        name: ash, dash or bash.
        first_line: the number of the first line of ``-c``'s text.
        bash: whether it has braces, ``((…))``, counted loops and arrays.
        not_found: said of a command that is not there.
        unset: said of a parameter that is not set under ``-u``.
        unset_code: the exit code of that.
        bad_substitution: said of ``${!}`` and the like.
        prompt: the default ``PS1``.
        odd_names: whether children inherit what is in its environment under a name that no variable may have.
    """

    name: str
    first_line: int
    bash: bool
    not_found: str
    unset: str
    unset_code: int
    bad_substitution: str
    prompt: str
    odd_names: bool

    def complaint(self, shell: str, line: int, message: str, builtin: str = "") -> str:
        """Return the line that says what went wrong.

        Args:
            shell: the shell's name, or its script's.
            line: the number of the line.
            message: what went wrong.
            builtin: the builtin that says it.
        """
        if self.name == "dash":
            return f"{shell}: {line}: {f'{builtin}: ' if builtin else ''}{message}\n"
        if self.name == "bash":
            return f"{shell}: line {line}: {f'{builtin}: ' if builtin else ''}{message}\n"
        return f"{shell}: {f'{builtin}: ' if builtin else ''}line {line}: {message}\n"


ASH = Dialect("ash", 0, False, "not found", "parameter not set", 2, "syntax error: bad substitution", r"\w \$ ", True)
DASH = Dialect("dash", 1, False, "not found", "parameter not set", 2, "Bad substitution", "# ", False)
BASH = Dialect("bash", 1, True, "command not found", "unbound variable", 127, "bad substitution", r"\u@\h:\w\$ ", True)
