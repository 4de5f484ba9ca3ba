#include "cli/ini.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channel/owner.h"

#ifdef WITH_INIH
#include <ini.h>
#include <stdarg.h>

/* libinih keeps this many bytes of a section's name, and cuts a longer one without an error. */
enum { SECTION_MAX = 49 };

/* The lines of one file on their way to libinih, and what it makes of them. */
struct reader {
	struct config *config;
	const char *file;
	const char *at, *end;
	unsigned line; /* the one that libinih is parsing */
	unsigned section_line;
	size_t first; /* index of this file's first entry */
	bool no_memory;
	struct config_fault *fault;
};

__attribute__((format(printf, 2, 3))) static void fault_set(struct reader *reader,
							    const char *format, ...)
{
	va_list arguments;

	reader->fault->line = reader->line;
	va_start(arguments, format);
	vsnprintf(reader->fault->why, sizeof(reader->fault->why), format, arguments);
	va_end(arguments);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/*
 * Returns how much of a line is text: a comment begins with ';' or '#', at the start or after a
 * blank. libinih knows the latter for ';' alone and not in every build, so it never sees a comment.
 */
static size_t text_size(const char *text, size_t size)
{
	size_t end = 0;

	while (end < size &&
	       !((text[end] == '#' || text[end] == ';') && (end == 0 || blank(text[end - 1]))))
		end++;
	while (end > 0 && blank(text[end - 1]))
		end--;
	return end;
}

/* Refuses lines that libinih would accept although they are wrong. */
static bool line_check(struct reader *reader, const char *text, size_t size, size_t room)
{
	const char *close = memchr(text, ']', size);

	if (size + 2 > room)
		fault_set(reader, "the line is longer than %zu bytes", room - 2);
	else if (size > 0 && *text == '[' && close != NULL) {
		reader->section_line = reader->line;
		if (close - text > SECTION_MAX + 1)
			fault_set(reader, "the section's name is longer than %d bytes",
				  SECTION_MAX);
		else if (close + 1 < text + size)
			fault_set(reader, "there is something after the \"]\"");
	}
	return reader->fault->line == 0;
}

/*
 * The fgets() that libinih uses: returns one line without comments and without blanks at both ends.
 * (To libinih a blank at the start could also mean that the line continues the value before.)
 */
static char *reader_line(char *buffer, int size, void *stream)
{
	struct reader *reader = stream;
	const char *text = reader->at, *end;

	if (text == reader->end || reader->fault->line != 0 || reader->no_memory)
		return NULL;
	reader->line++;
	end = memchr(text, '\n', (size_t)(reader->end - text));
	reader->at = end != NULL ? end + 1 : reader->end;
	end = end != NULL ? end : reader->end;
	if (memchr(text, '\0', (size_t)(end - text)) != NULL) {
		fault_set(reader, "there is a NUL byte in it");
		return NULL;
	}
	if (reader->line == 1 && end - text >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3; /* a byte order mark (UTF-8), as some editors write it */
	while (text < end && blank(*text))
		text++;
	end = text + text_size(text, (size_t)(end - text));
	if (!line_check(reader, text, (size_t)(end - text), (size_t)size))
		return NULL;
	memcpy(buffer, text, (size_t)(end - text));
	strcpy(buffer + (end - text), "\n");
	return buffer;
}

/* Splits "  channel   jobs " into the kind "channel" and the name "jobs". Both must be freed. */
static void section_split(const char *section, char **kind, char **name)
{
	size_t size;

	while (blank(*section))
		section++;
	size = strcspn(section, " \t");
	*kind = strndup(section, size);
	section += size;
	while (blank(*section))
		section++;
	size = strlen(section);
	while (size > 0 && blank(section[size - 1]))
		size--;
	*name = strndup(section, size);
}

static bool same(const struct config_entry *one, const struct config_entry *other)
{
	return strcmp(one->key, other->key) == 0 && strcmp(one->kind, other->kind) == 0 &&
	       strcmp(one->name, other->name) == 0;
}

static void entry_free(struct config_entry *entry)
{
	free(entry->kind);
	free(entry->name);
	free(entry->key);
	free(entry->value);
}

/* Stores the entry of one line of a file, and takes ownership of *entry. */
static bool entry_add(struct reader *reader, struct config_entry *entry)
{
	struct config *config = reader->config;
	struct config_entry *entries =
		realloc(config->entries, (config->count + 1) * sizeof(*entries));

	if (entries != NULL)
		config->entries = entries;
	if (entries == NULL || entry->kind == NULL || entry->name == NULL || entry->key == NULL ||
	    entry->value == NULL) {
		reader->no_memory = true;
		entry_free(entry);
		return false;
	}
	for (size_t i = reader->first; i < config->count; i++) {
		if (same(&entries[i], entry)) {
			fault_set(reader, "\"%.64s\" is already in line %u", entry->key,
				  entries[i].line);
			entry_free(entry);
			return false;
		}
	}
	entries[config->count++] = *entry;
	return true;
}

/* Called by libinih for each "key = value". */
static int reader_entry(void *user, const char *section, const char *key, const char *value)
{
	struct reader *reader = user;
	struct config_entry entry = { .key = strdup(key),
				      .value = strdup(value != NULL ? value : ""),
				      .file = reader->file,
				      .line = reader->line,
				      .section_line = reader->section_line };

	section_split(section, &entry.kind, &entry.name);
	return entry_add(reader, &entry);
}

static int text_parse(struct config *config, const char *path, const char *text, size_t size,
		      struct config_fault *fault)
{
	struct reader reader = { .config = config,
				 .file = path,
				 .at = text,
				 .end = text + size,
				 .first = config->count,
				 .fault = fault };
	int line = ini_parse_stream(reader_line, &reader, reader_entry, &reader);

	if (reader.no_memory || line == -2)
		return -ENOMEM;
	if (line > 0 && (fault->line == 0 || (unsigned)line < fault->line)) {
		reader.line = (unsigned)line;
		fault_set(&reader, "neither \"key = value\" nor \"[section]\"");
	}
	return fault->line != 0 ? CONFIG_BAD : CONFIG_READ;
}

/*
 * In a sandbox or a rootless container the machine's root is one of the users that the user
 * namespace does not know. A file in /etc that only its owner may write counts as root's.
 */
static bool of_the_system(const struct stat *status, const char *path)
{
	return strncmp(path, "/etc/", 5) == 0 && owner_unknown(status->st_uid) &&
	       (status->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/*
 * Returns 0 or what is wrong: could another user have written the file? It checks the open file,
 * which nobody can replace any more.
 */
static int file_check(int fd, const struct stat *status, const char *path,
		      struct config_fault *fault)
{
	const char *why = NULL;

	if (!S_ISREG(status->st_mode))
		why = "it is not a regular file";
	else if (!owner_is(fd, status, geteuid()) && status->st_uid != 0 &&
		 !of_the_system(status, path))
		why = "it belongs to another user: take a copy of your own";
	else if ((status->st_mode & S_IWOTH) != 0)
		why = "everybody may write it: chmod o-w it";
	else if (status->st_size > CONFIG_FILE_MAX)
		why = "it is longer than 64 KiB";
	if (why != NULL)
		snprintf(fault->why, sizeof(fault->why), "%s", why);
	return why != NULL ? CONFIG_REFUSED : CONFIG_READ;
}

/* Reads the whole file. Returns its size, or a negative errno. */
static ssize_t bytes_read(int fd, char *bytes, size_t room)
{
	size_t size = 0;

	while (size < room) {
		ssize_t got = read(fd, bytes + size, room - size);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			break;
		if (got > 0)
			size += (size_t)got;
	}
	return (ssize_t)size;
}

int config_read(struct config *config, const char *path, struct config_fault *fault)
{
	/* A FIFO is refused, so opening it must not wait. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	char *text;
	ssize_t size;
	int rc;

	*fault = (struct config_fault){ 0 };
	if (fd < 0)
		return -errno;
	rc = fstat(fd, &status) != 0 ? -errno : file_check(fd, &status, path, fault);
	if (rc != CONFIG_READ) {
		close(fd);
		return rc;
	}
	text = malloc(CONFIG_FILE_MAX);
	size = text != NULL ? bytes_read(fd, text, CONFIG_FILE_MAX) : -ENOMEM;
	close(fd);
	rc = size < 0 ? (int)size : text_parse(config, path, text, (size_t)size, fault);
	free(text);
	return rc;
}

void config_free(struct config *config)
{
	for (size_t i = 0; i < config->count; i++)
		entry_free(&config->entries[i]);
	free(config->entries);
	*config = (struct config){ 0 };
}
#else
int config_read(struct config *config, const char *path, struct config_fault *fault)
{
	(void)config;
	(void)path;
	*fault = (struct config_fault){ 0 };
	return -ENOSYS;
}

void config_free(struct config *config)
{
	(void)config; /* nothing was read */
}
#endif

/* ---- ${VARIABLE} ---- */

/*
 * Reads the name and the '}' that follow a "${". Returns what comes after them, or NULL if they are
 * malformed.
 */
static const char *variable_read(const char *text, char name[CONFIG_VARIABLE_MAX])
{
	size_t size = 0;

	while (isalnum((unsigned char)text[size]) || text[size] == '_')
		size++;
	if (size == 0 || size >= CONFIG_VARIABLE_MAX || text[size] != '}' ||
	    isdigit((unsigned char)*text))
		return NULL;
	memcpy(name, text, size);
	name[size] = '\0';
	return text + size + 1;
}

int config_expand(const char *text, char **result, char variable[CONFIG_VARIABLE_MAX])
{
	size_t size = 0;
	FILE *stream = open_memstream(result, &size);
	bool failed;
	int rc = 0;

	if (stream == NULL)
		return -ENOMEM;
	while (*text != '\0' && rc == 0) {
		const char *value;

		if (strncmp(text, "$${", 3) == 0) {
			fputs("${", stream);
			text += 3;
		} else if (strncmp(text, "${", 2) != 0) {
			putc(*text++, stream);
		} else if ((text = variable_read(text + 2, variable)) == NULL) {
			rc = -EINVAL;
			break;
		} else if ((value = getenv(variable)) == NULL) {
			rc = -ENOENT;
		} else {
			fputs(value, stream);
		}
	}
	failed = ferror(stream) != 0;
	if ((fclose(stream) != 0 || failed) && rc == 0)
		rc = -ENOMEM;
	if (rc != 0) {
		free(*result);
		*result = NULL;
	}
	return rc;
}
