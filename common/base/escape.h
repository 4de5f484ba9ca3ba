/*
 * Making text safe to show. The text was typed, read from a file, or lies in shared memory, where
 * other processes may write; it is about to be read by a person or a shell. Escaped, it stays on
 * one line and cannot control a terminal; quoted, it is exactly one word for a shell.
 *
 * The functions read the environment (the locale's name), write only into the caller's buffers, and
 * need no lock.
 */
#ifndef ESCAPE_H
#define ESCAPE_H

#include <stddef.h>

enum escape_flags {
	ESCAPE_ASCII = 1, /* escape non-ASCII bytes, too: for columns counted in bytes */
	/*
	 * Write newline, tab and backslash as \n, \t and \\, so that a backslash in the text cannot
	 * be mistaken for the beginning of an escape.
	 */
	ESCAPE_BACKSLASH = 2
};

/*
 * Returns how many of the first bytes make one character that may be printed as it is; 0: the first
 * byte has to be escaped. Printable ASCII always may. Other characters may if three things are
 * true: they are well-formed UTF-8, the locale says that the terminal expects UTF-8, and they are
 * visible: not control characters (U+0080 to U+009F are some, and terminals obey them), not
 * characters that change the direction of writing or have no width, and not line ends.
 */
size_t escape_printable(const char *text, size_t size, unsigned flags);

/*
 * Copies `size` bytes of text into `to`, escaped, and a NUL after them. `room` is the size of `to`
 * in bytes, at least 1. A byte that may not be printed becomes \xNN. Stops where the next character
 * or escape does not fit. Returns how many bytes it has written, without the NUL: at most 4 times
 * `size`.
 */
size_t escape_text(char *to, size_t room, const char *text, size_t size, unsigned flags);

/*
 * Writes `word` into `to` as one word of a command line to paste: as it is, if a shell takes it so,
 * else in quotes. A word that holds bytes which may not be printed is written as $'\NNN', which
 * bash, ksh and zsh understand. A word too long for the buffer becomes "...", as the first half of
 * it could be another command. Returns `to`.
 */
enum { ESCAPE_WORD = 512 };
const char *escape_word(char to[ESCAPE_WORD], const char *word);

#endif
