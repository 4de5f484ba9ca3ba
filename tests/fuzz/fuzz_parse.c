/*
 * Hostile text: what is typed, what stands in a configuration file, what comes on standard input.
 * The first byte of an input chooses which reader gets the rest. Whatever it is, it is read or
 * refused, within its bytes, and what is printed of it is harmless.
 *
 *   fuzz_parse CORPUS [-max_total_time=N]    built with -fsanitize=fuzzer: libFuzzer
 *   fuzz_parse FILE|FOLDER...                built with -DREPLAY: each file once
 *
 * A refusal ends the process, so exit() is another one here: linked with -Wl,--wrap=exit.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/delimiter.h"
#include "base/escape.h"
#include "channel/channel.h"
#include "cli/base64.h"
#include "cli/ini.h"
#include "cli/message.h"
#include "cli/nearest.h"
#include "cli/option_table.h"
#include "cli/values.h"
#include "consumer/print/format.h"
#include "frame/netstring.h"
#include "tests/fuzz/replay.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *current = "input"; /* the file that is replayed */

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			dprintf(errors_fd, "fuzz_parse: %s: not so: %s\n", current, #condition);   \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static int errors_fd = STDERR_FILENO; /* stays; what the tools print there may be discarded */

/* ---- the end of a process that goes on ---- */

static jmp_buf refused;
static bool inside; /* an input is being read */

void __real_exit(int status) __attribute__((noreturn)); /* NOLINT: the linker's names */
void __wrap_exit(int status) __attribute__((noreturn)); /* NOLINT */

void __wrap_exit(int status) /* NOLINT */
{
	if (inside)
		longjmp(refused, 1);
	__real_exit(status);
}

/* ---- what reads ---- */

static const struct cli_option options[] = { { 'C', "channel", "CHANNEL", "x" },
					     { 's', "size", "SIZE", "x" },
					     { 0 } };
static const struct cli_tool tool = { .name = "fuzz", .options = options };
static struct cli_settings settings;

/* What outlives a refusal, to be freed. */
static struct format format;
static struct config config;
static int config_fd = -1;

struct text {
	char *text; /* with a NUL after it */
	const unsigned char *bytes;
	size_t size;
};

static void read_size(const struct text *text)
{
	uint64_t size = cli_parse_size(&settings, text->text);

	EXPECT(size > 0 && size <= CHANNEL_SIZE_MAX);
	size = channel_size_rounded(size);
	EXPECT((size & (size - 1)) == 0 && size <= CHANNEL_SIZE_MAX);
}

static void read_seconds(const struct text *text)
{
	EXPECT(cli_seconds(&settings, "time", text->text) > 0);
}

static void read_spin(const struct text *text)
{
	cli_parse_spin(&settings, text->text);
}

static void read_number(const struct text *text)
{
	uint64_t number = cli_number(&settings, "number", text->text, 1, 1000);

	EXPECT(number >= 1 && number <= 1000);
}

static void read_mode(const struct text *text)
{
	EXPECT(channel_mode_valid(cli_parse_mode(&settings, text->text)));
}

static void read_delimiter(const struct text *text)
{
	cli_parse_delimiter(&settings, text->text);
	EXPECT(settings.delimiter.size <= DELIMITER_MAX);
	EXPECT(settings.delimiter.size <= strlen(text->text));
}

static void read_framing(const struct text *text)
{
	cli_parse_framing(&settings, text->text);
	EXPECT(settings.delimiter.size <= 1);
}

/* Checks that a name is one word to a shell as it is, and obeyed by no terminal. */
static void read_name(const struct text *text)
{
	char word[ESCAPE_WORD];

	if (channel_group_valid(text->text))
		EXPECT(channel_name_valid(text->text));
	if (channel_name_valid(text->text))
		EXPECT(strcmp(escape_word(word, text->text), text->text) == 0);
}

static void read_format(const struct text *text)
{
	size_t room = strlen(text->text);

	format_init(&format, &settings);
	format_take_format(&settings, &options[0], text->text, &format);
	EXPECT(format.count <= room && format.message_at <= format.count);
	for (size_t i = 0; i < format.count; i++)
		if (format.parts[i].kind == PART_TEXT)
			EXPECT(format.parts[i].from + format.parts[i].size <= room);
}

/* Reads in steps, as input comes. */
static void read_netstring(const struct text *text)
{
	struct netstring netstring = { 0 };
	size_t at = 1, step = text->size > 0 ? 1 + text->bytes[0] % 7U : 1;

	while (at < text->size && netstring.bad == NULL && !netstring.complete) {
		size_t most = step < text->size - at ? step : text->size - at;
		size_t took = netstring_take(&netstring, text->bytes + at, most);

		EXPECT(took <= most);
		at += took;
		if (took < most)
			break;
	}
	EXPECT(netstring.bad == NULL || !netstring.complete);
	if (netstring.complete && netstring.size < (UINT64_C(1) << 40)) {
		size_t bytes = netstring_bytes((size_t)netstring.size);

		EXPECT(netstring_message(bytes) == netstring.size);
	}
}

static void read_config(const struct text *text)
{
	struct config_fault fault;
	char path[64];
	int rc;

	config_fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (config_fd < 0 || fchmod(config_fd, 0600) != 0 ||
	    write(config_fd, text->bytes, text->size) != (ssize_t)text->size)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", config_fd);
	rc = config_read(&config, path, &fault);
	EXPECT(rc != CONFIG_REFUSED || text->size > CONFIG_FILE_MAX);
	EXPECT(rc != CONFIG_BAD || fault.line > 0);
	EXPECT(rc == CONFIG_BAD || fault.line == 0);
	for (size_t i = 0; rc == CONFIG_READ && i < config.count; i++)
		EXPECT(config.entries[i].line > config.entries[i].section_line &&
		       memchr(config.entries[i].key, '\n', strlen(config.entries[i].key)) == NULL);
	if (rc == CONFIG_BAD)
		cli_config_error(&settings, path, fault.line, "%s", fault.why);
}

static void read_variables(const struct text *text)
{
	char variable[CONFIG_VARIABLE_MAX], *expanded = NULL;

	if (config_expand(text->text, &expanded, variable) == 0)
		EXPECT(strlen(expanded) <= 32 * strlen(text->text));
	free(expanded);
}

static void read_mistyped(const struct text *text)
{
	struct nearest nearest;

	nearest_begin(&nearest, text->text);
	nearest_try(&nearest, "delimiter");
	nearest_try(&nearest, "when-full");
	EXPECT(nearest_distance(text->text, text->text) == 0 ||
	       strlen(text->text) > NEAREST_WORD_MAX);
}

static void read_base64(const struct text *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
	size_t size = base64_size(text->size);
	char *encoded = malloc(size + 1);

	if (encoded == NULL)
		return;
	base64_encode(encoded, text->bytes, text->size);
	encoded[size] = '\0';
	EXPECT(strspn(encoded, digits) == size);
	free(encoded);
}

/* Takes a delimiter of up to 7 bytes from the input, then the text in which it is looked for. */
static void read_delimited(const struct text *text)
{
	size_t delimiter_size = text->size > 0 ? text->bytes[0] % 8U : 0, size, end, count;
	const unsigned char *delimiter = text->bytes + 1, *bytes = delimiter + delimiter_size;

	if (text->size < 1 + delimiter_size)
		return;
	size = text->size - 1 - delimiter_size;
	count = delimiter_count(bytes, size, delimiter, delimiter_size, &end);
	EXPECT(end <= size && count * delimiter_size <= size);
	if (delimiter_size == 0)
		return;
	if (count > 0)
		EXPECT(delimiter_skip(bytes, size, delimiter, delimiter_size, count) == end);
	EXPECT(delimiter_skip(bytes, size, delimiter, delimiter_size, count + 1) == 0);
	EXPECT(delimiter_begun(bytes, size, delimiter, delimiter_size) < delimiter_size);
}

/* ---- what prints ---- */

/*
 * Checks, independently of the code that decides it: no control characters, and whole UTF-8, if
 * any.
 */
static void expect_harmless(const char *text, size_t size, bool ascii)
{
	for (size_t at = 0; at < size; at++) {
		unsigned char first = (unsigned char)text[at];
		size_t behind = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;

		if (first < 0x80) {
			EXPECT(first >= 0x20 && first != 0x7f);
			continue;
		}
		EXPECT(!ascii && first >= 0xc2 && first < 0xf5 && behind < size - at);
		EXPECT(first != 0xc2 || (unsigned char)text[at + 1] >= 0xa0);
		EXPECT(strncmp(text + at, "\u202e", 3) != 0 &&
		       strncmp(text + at, "\u200b", 3) != 0);
		for (size_t i = 1; i <= behind; i++)
			EXPECT((text[at + i] & 0xc0) == 0x80);
		at += behind;
	}
}

/*
 * Checks that the size is what is written, and that a buffer that is too small leaves out what
 * would not fit.
 */
static void print_escaped(const struct text *text)
{
	size_t room = 4 * text->size + 1, used, less;
	char *escaped = malloc(room), *cut = malloc(room);

	if (escaped != NULL && cut != NULL)
		for (unsigned flags = 0; flags <= (ESCAPE_ASCII | ESCAPE_BACKSLASH); flags++) {
			used = escape_text(escaped, room, (const char *)text->bytes, text->size,
					   flags);
			EXPECT(used < room && used == strlen(escaped) && used >= text->size);
			expect_harmless(escaped, used, (flags & ESCAPE_ASCII) != 0);
			less = escape_text(cut, 1 + used / 2, (const char *)text->bytes, text->size,
					   flags);
			EXPECT(less <= used / 2 && memcmp(cut, escaped, less) == 0);
			expect_harmless(cut, less, (flags & ESCAPE_ASCII) != 0);
		}
	free(escaped);
	free(cut);
}

/* Returns what a shell makes of a word between '' or $''; it ends where the word ends. */
static size_t shell_read(const char *word, char *text)
{
	bool dollar = *word == '$';
	char *to = text;

	for (word += dollar ? 2 : 1; *word != '\0';) {
		if (*word == '\'' && strncmp(word, "'\\''", 4) == 0 && !dollar) {
			*to++ = '\'';
			word += 4;
		} else if (*word == '\'') {
			EXPECT(word[1] == '\0');
			break;
		} else if (dollar && *word == '\\' && word[1] >= '0' && word[1] <= '7') {
			*to++ = (char)strtol((char[]){ word[1], word[2], word[3], '\0' }, NULL, 8);
			word += 4;
		} else {
			word += dollar && *word == '\\';
			*to++ = *word++;
		}
	}
	*to = '\0';
	return (size_t)(to - text);
}

static void print_quoted(const struct text *text)
{
	char word[ESCAPE_WORD], back[ESCAPE_WORD];

	escape_word(word, text->text);
	EXPECT(strlen(word) < ESCAPE_WORD);
	expect_harmless(word, strlen(word), false);
	if (strcmp(word, text->text) == 0 || strcmp(word, "...") == 0)
		return;
	EXPECT(word[0] == '\'' || strncmp(word, "$'", 2) == 0);
	EXPECT(shell_read(word, back) == strlen(text->text) && strcmp(back, text->text) == 0);
}

static void print_messages(const struct text *text)
{
	char excerpt[CLI_EXCERPT_MAX];

	cli_excerpt(text->bytes, text->size, excerpt);
	EXPECT(strlen(excerpt) < CLI_EXCERPT_MAX);
	expect_harmless(excerpt, strlen(excerpt), false);
	cli_error(&settings, "%s", text->text);
	cli_usage_error(&settings, "bad \"%s\"", text->text);
}

static void (*const readers[])(const struct text *text) = {
	read_size,	read_seconds,	read_spin,	read_number, read_mode,
	read_delimiter, read_framing,	read_name,	read_format, read_netstring,
	read_config,	read_variables, read_mistyped,	read_base64, read_delimited,
	print_escaped,	print_quoted,	print_messages, read_config, read_config,
};

/* ---- one after the other ---- */

/* NOLINTNEXTLINE(readability-non-const-parameter): libFuzzer says what it takes */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	errors_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	setenv("VAR", "value", 1);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text text;

	if (size == 0)
		return 0;
	text.bytes = data + 1;
	text.size = size - 1;
	text.text = malloc(size);
	if (text.text == NULL)
		return 0;
	memcpy(text.text, text.bytes, text.size);
	text.text[text.size] = '\0';
	memset(&settings, 0, sizeof(settings));
	settings.tool = &tool;
	settings.channel.name = "fuzz";
	inside = true;
	if (setjmp(refused) == 0)
		readers[data[0] % (sizeof(readers) / sizeof(readers[0]))](&text);
	inside = false;
	format_free(&format);
	memset(&format, 0, sizeof(format));
	config_free(&config);
	if (config_fd >= 0)
		close(config_fd);
	config_fd = -1;
	free(text.text);
	return 0;
}

#ifdef REPLAY

/* A sanitizer, if there is one, does not print where its output would be discarded. */
void __sanitizer_set_report_fd(void *fd) __attribute__((weak)); /* NOLINT: the library's name */

static void replay_input(const char *file, const uint8_t *bytes, size_t size)
{
	current = file;
	LLVMFuzzerTestOneInput(bytes, size);
}

int main(int argc, char **argv)
{
	unsigned replayed = 0;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	/* What the tools print is not looked at here, but failures are. */
	LLVMFuzzerInitialize(&argc, &argv);
	if (__sanitizer_set_report_fd != NULL)
		__sanitizer_set_report_fd((void *)(intptr_t)errors_fd);
	if (null < 0 || dup2(null, STDERR_FILENO) < 0)
		return 1;
	for (int i = 1; i < argc; i++)
		replayed += replay(argv[i], replay_input);
	printf("%u inputs replayed\n", replayed);
	return 0;
}

#endif
