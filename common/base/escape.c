#include "base/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Does the terminal expect UTF-8? Judged by the locale's name in the environment, which need not be
 * installed: it says what the reader can see, not what this C library could do with it.
 */
static bool locale_is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && *value != '\0')
			return strcasestr(value, "UTF-8") != NULL ||
			       strcasestr(value, "UTF8") != NULL;
	}
	return false;
}

/* ---- UTF-8 ---- */

/*
 * Returns how many bytes follow this first byte of a character; negative: no character begins with
 * it.
 */
static int continuation_bytes(unsigned char first)
{
	if (first >= 0xc2 && first < 0xe0)
		return 1;
	if (first >= 0xe0 && first < 0xf0)
		return 2;
	return first >= 0xf0 && first < 0xf5 ? 3 : -1;
}

/*
 * Reads a character of more than one byte. Returns how many bytes it has; 0: it is not well-formed.
 */
static size_t character_read(const char *text, size_t size, uint32_t *character)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	int following = continuation_bytes((unsigned char)*text);
	uint32_t read;

	if (following < 0 || (size_t)following >= size)
		return 0;
	read = (unsigned char)*text & (0x3fU >> following);
	for (int i = 1; i <= following; i++) {
		unsigned char byte = (unsigned char)text[i];

		if ((byte & 0xc0) != 0x80)
			return 0;
		read = read << 6 | (byte & 0x3f);
	}
	if (read < least[following] || read > 0x10ffff || (read >= 0xd800 && read <= 0xdfff))
		return 0;
	*character = read;
	return (size_t)following + 1;
}

/* Characters that a terminal obeys instead of showing them, or that a reader would not see. */
static bool character_hidden(uint32_t character)
{
	static const uint32_t ranges[][2] = {
		{ 0x80, 0x9f },	      /* C1 control characters, CSI and OSC among them */
		{ 0xad, 0xad },	      /* soft hyphen: may be invisible */
		{ 0x34f, 0x34f },     /* no width */
		{ 0x61c, 0x61c },     /* the direction of writing */
		{ 0x115f, 0x1160 },   /* fillers that look empty */
		{ 0x17b4, 0x17b5 },   /* invisible */
		{ 0x180b, 0x180f },   /* variation selectors, or no width */
		{ 0x200b, 0x200f },   /* no width, and the direction */
		{ 0x2028, 0x202e },   /* ends of lines and paragraphs, and the direction */
		{ 0x2060, 0x206f },   /* no width, and the direction */
		{ 0x3164, 0x3164 },   /* a filler */
		{ 0xfeff, 0xfeff },   /* no width */
		{ 0xffa0, 0xffa0 },   /* a filler */
		{ 0xfff0, 0xfffb },   /* interlinear annotations */
		{ 0x1bca0, 0x1bca3 }, /* shorthand format controls */
		{ 0x1d173, 0x1d17a }, /* musical format controls */
		{ 0xe0000, 0xe0fff }  /* tags and variation selectors */
	};

	if ((character & 0xfffe) == 0xfffe || (character >= 0xfdd0 && character <= 0xfdef))
		return true; /* will never be assigned to a character */
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (character >= ranges[i][0] && character <= ranges[i][1])
			return true;
	return false;
}

/* ---- printing ---- */

size_t escape_printable(const char *text, size_t size, unsigned flags)
{
	unsigned char first = size > 0 ? (unsigned char)*text : 0;
	uint32_t character;
	size_t length;

	if (first < 0x20 || first == 0x7f)
		return 0;
	if (first < 0x80)
		return (flags & ESCAPE_BACKSLASH) != 0 && first == '\\' ? 0 : 1;
	if ((flags & ESCAPE_ASCII) != 0)
		return 0;
	length = character_read(text, size, &character);
	return length > 0 && !character_hidden(character) && locale_is_utf8() ? length : 0;
}

/* Writes the escape of a byte, and returns the escape's length. */
static size_t byte_escape(char escape[8], unsigned char byte, unsigned flags)
{
	static const char bytes[] = "\n\t\\", letters[] = "nt\\";
	const char *named = byte != '\0' ? strchr(bytes, byte) : NULL;

	if ((flags & ESCAPE_BACKSLASH) != 0 && named != NULL)
		return (size_t)snprintf(escape, 8, "\\%c", letters[named - bytes]);
	return (size_t)snprintf(escape, 8, "\\x%02x", byte);
}

size_t escape_text(char *to, size_t room, const char *text, size_t size, unsigned flags)
{
	size_t used = 0, length;

	for (size_t at = 0; at < size; at += length) {
		size_t printable = escape_printable(text + at, size - at, flags);
		size_t written = printable;
		const char *from = text + at;
		char escape[8];

		length = printable > 0 ? printable : 1;
		if (printable == 0) {
			written = byte_escape(escape, (unsigned char)text[at], flags);
			from = escape;
		}
		if (written >= room - used)
			break;
		memcpy(to + used, from, written);
		used += written;
	}
	to[used] = '\0';
	return used;
}

/* ---- quoting ---- */

/* Does every shell take the word as it is, without quotes? */
static bool word_plain(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-.,/:@%+=";

	/* zsh replaces "=ls" by the path of ls. */
	return *word != '\0' && *word != '=' && strspn(word, plain) == strlen(word);
}

/* Can every character of the word be printed as it is? */
static bool word_printable(const char *word)
{
	size_t size = strlen(word), length;

	for (; size > 0; word += length, size -= length) {
		length = escape_printable(word, size, 0);
		if (length == 0)
			return false;
	}
	return true;
}

/*
 * Writes a byte as it stands between '' (if the whole word is printable) or between $''. Returns
 * its length.
 */
static size_t byte_quote(char quoted[8], unsigned char byte, bool printable)
{
	if (printable)
		return (size_t)snprintf(quoted, 8, byte == '\'' ? "'\\''" : "%c", byte);
	/* An interactive bash may expand "!" even here. */
	if (byte < 0x20 || byte >= 0x7f || byte == '!')
		return (size_t)snprintf(quoted, 8, "\\%03o", byte);
	return (size_t)snprintf(quoted, 8, byte == '\'' || byte == '\\' ? "\\%c" : "%c", byte);
}

const char *escape_word(char to[ESCAPE_WORD], const char *word)
{
	bool plain = word_plain(word), printable = plain || word_printable(word);
	const char *open = printable ? "'" : "$'", *close = "'";
	size_t used;

	if (plain)
		open = close = "";
	used = strlen(open);
	strcpy(to, open);
	for (; *word != '\0'; word++) {
		char quoted[8];
		size_t length = byte_quote(quoted, (unsigned char)*word, printable);

		if (used + length + 2 > ESCAPE_WORD)
			return strcpy(to, "...");
		memcpy(to + used, quoted, length);
		used += length;
	}
	strcpy(to + used, close);
	return to;
}
