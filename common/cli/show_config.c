/* --show-config: the value of each option, and where it comes from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "cli/config_files.h"
#include "cli/message.h"
#include "cli/show_config.h"

#ifdef WITH_JANSSON
#include <jansson.h>
#endif

#ifdef WITH_INIH
/*
 * A line with its comment must fit into what libinih accepts; the comment of a longer one goes
 * before it.
 */
enum { COMMENT_COLUMN = 28, LINE_MAX_SAFE = 190 };

/* Returns where a value comes from, as users read it. */
static const char *source_of(const struct cli_value *value, char *buffer, size_t size)
{
	if (value->argument == NULL)
		return "default";
	if (value->file == NULL)
		return "command line";
	if (value->line == 0)
		return value->file;
	snprintf(buffer, size, "%s:%u", value->file, value->line);
	return buffer;
}

/* True if this byte could end a value, or get lost at its end. */
static bool harms_value(char byte)
{
	return byte == ' ' || byte == ';' || byte == '#';
}

/*
 * True if a file with this text gives the same text back: not if it begins a comment, or loses a
 * blank.
 */
static bool fits_in_file(const char *name, const char *text)
{
	size_t size = strlen(text), length;

	if (strlen(name) + size > LINE_MAX_SAFE || (size > 0 && strchr(" \t", text[size - 1])) ||
	    (size > 0 && strchr(" \t;#", *text)))
		return false;
	for (size_t i = 0; i < size; i += length) {
		length = escape_printable(text + i, size - i, 0);
		if (length == 0 || (text[i] == ' ' && (text[i + 1] == ';' || text[i + 1] == '#')))
			return false;
	}
	return true;
}

/* Returns the text escaped, for a comment or for JSON. To be freed; NULL: out of memory. */
static char *escaped(const char *text, unsigned flags)
{
	size_t size = strlen(text);
	char *copy = malloc(4 * size + 1);

	if (copy != NULL)
		escape_text(copy, 4 * size + 1, text, size, flags);
	return copy;
}

/* Like escaped(), but also replaces what would damage a value by \xNN, as in a delimiter. */
static char *escaped_value(const char *text)
{
	size_t left = strlen(text), length;
	char *copy = malloc(4 * left + 1), *to = copy;

	if (copy == NULL)
		return NULL;
	for (; left > 0; text += length, left -= length) {
		length = escape_printable(text, left, 0);
		if (length == 0)
			length = 1;
		if (harms_value(*text))
			to += sprintf(to, "\\x%02x", (unsigned char)*text);
		else
			to += escape_text(to, 4 * length + 1, text, length, 0);
	}
	*to = '\0';
	return copy;
}

/*
 * Prints one line. A default, or what cannot stand in a file, becomes a comment, so that the whole
 * output, used as a file, sets the same options again and no others.
 */
static void line_print(const struct cli_option *option, const struct cli_value *value)
{
	const char *text = value->argument != NULL ? value->argument : option->standard;
	bool fits = fits_in_file(option->name, text), comment = value->argument == NULL;
	char place[4200], *copy = NULL;
	char *comment_text = escaped(source_of(value, place, sizeof(place)), 0);
	const char *source = comment_text != NULL ? comment_text : "";
	int width = COMMENT_COLUMN;

	if (!fits) {
		copy = escaped_value(text);
		if (copy == NULL) {
			free(comment_text);
			return;
		}
		text = copy;
		comment |= option->letter != 'D' || !fits_in_file(option->name, copy);
	}
	comment |= option->once;
	if (strlen(option->name) + strlen(text) + strlen(source) > LINE_MAX_SAFE - 40) {
		printf("# %s:\n", source);
		source = "";
	}
	width -= printf("%s%s = ", comment ? "# " : "", option->name);
	if (*source != '\0')
		printf("%-*s    # %s\n", width > 0 ? width : 0, text, source);
	else
		printf("%s\n", text);
	free(copy);
	free(comment_text);
}

/*
 * True if the option has a value to show. Actions have none, and --show-config itself is left out.
 */
static bool shown(const struct cli_option *option, const struct cli_value *value)
{
	return strcmp(option->name, "show-config") != 0 &&
	       (value->argument != NULL || option->standard != NULL);
}

#ifdef WITH_JANSSON
/* Returns the text as JSON. JSON is UTF-8; what a user has typed need not be. */
static json_t *text_json(const char *text)
{
	json_t *string = json_string(text);
	char *copy;

	if (string != NULL)
		return string;
	copy = escaped(text, ESCAPE_ASCII);
	string = copy != NULL ? json_string(copy) : NULL;
	free(copy);
	return string;
}

static json_t *value_json(const struct cli_option *option, const struct cli_value *value)
{
	const char *text = value->argument != NULL ? value->argument : option->standard;
	json_t *row = json_object();

	json_object_set_new(row, "option", json_string(option->name));
	json_object_set_new(row, "value", text_json(text));
	if (value->argument != NULL && value->line > 0) {
		json_object_set_new(row, "from", json_string("file"));
		json_object_set_new(row, "file", text_json(value->file));
		json_object_set_new(row, "line", json_integer(value->line));
	} else {
		json_object_set_new(row, "from", json_string(source_of(value, NULL, 0)));
	}
	return row;
}

static void json_print(const struct cli_settings *settings)
{
	json_t *rows = json_array();

	for (const struct cli_option *row = settings->tool->options; row->name != NULL; row++)
		if (shown(row, cli_value(settings, row)))
			json_array_append_new(rows, value_json(row, cli_value(settings, row)));
	if (json_dumpf(rows, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) != 0 &&
	    ferror(stdout) == 0)
		cli_out_of_memory(settings);
	putchar('\n');
	json_decref(rows);
}
#else
static void json_print(const struct cli_settings *settings)
{
	cli_not_built(settings, "--json", "libjansson");
}
#endif

static void lines_print(const struct cli_settings *settings)
{
	char places[2048];
	char *shown_places = escaped(cli_config_places(settings, places, sizeof(places)), 0);

	printf("# looked for %s\n", shown_places != NULL ? shown_places : "");
	free(shown_places);
	for (const struct cli_option *row = settings->tool->options; row->name != NULL; row++)
		if (shown(row, cli_value(settings, row)))
			line_print(row, cli_value(settings, row));
}

void cli_config_show(const struct cli_settings *settings)
{
	if (!cli_given(settings, "show-config"))
		return;
	if (settings->json)
		json_print(settings);
	else
		lines_print(settings);
	cli_exit_flushed(settings);
}
#else
void cli_config_show(const struct cli_settings *settings)
{
	if (cli_given(settings, "show-config"))
		cli_not_built(settings, "--show-config", "libinih");
}
#endif
