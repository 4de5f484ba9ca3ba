/*
 * Text that did not come from this program, on its way to somebody who reads it: it was typed, read
 * from a file, or lies in the shared memory, where others may write. Escaped, it stays one line and
 * gives a terminal no orders; quoted, it is one word to a shell, and no more than that.
 */
#ifndef ESCAPE_H
#define ESCAPE_H

#include <stddef.h>

enum escape_flags {
	ESCAPE_ASCII = 1, /* all bytes that are not ASCII, too: for columns, counted in bytes */
	/* "\n", "\t" and "\\", so that nothing else looks like an escape that is none */
	ESCAPE_BACKSLASH = 2
};

/*
 * How many of the first bytes make one character that may be printed as it is; 0: the first byte
 * has to be escaped. Printable ASCII always may. Other characters may if they are well-formed
 * UTF-8, the locale says that the terminal expects that, and they show: no control characters
 * (U+0080 to U+009F are some, and terminals obey them), none of those that turn the direction of
 * writing or take no room, and no line ends.
 */
size_t escape_printable(const char *text, size_t size, unsigned flags);

/*
 * Writes `size` bytes of text into `to`, which has room for `room` bytes (at least 1), and a NUL
 * after them. What may not be printed becomes \xNN. Stops where the next character or escape does
 * not fit. Returns how many bytes it has written, without the NUL: at most 4 times `size`.
 */
size_t escape_text(char *to, size_t room, const char *text, size_t size, unsigned flags);

/*
 * A word of a command line to paste: as it is if a shell leaves it so, else between quotes. One
 * that holds what may not be printed is written as $'\NNN', which bash, ksh and zsh understand. One
 * too long for the buffer becomes "...", for the half of it could be another command. Returns `to`.
 */
enum { ESCAPE_WORD = 512 };
const char *escape_word(char to[ESCAPE_WORD], const char *word);

#endif
