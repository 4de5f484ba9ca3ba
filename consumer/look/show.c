#include "consumer/look/show.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/escape.h"

struct show show_output(void)
{
	const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");
	struct show show = { .file = stdout, .terminal = isatty(STDOUT_FILENO) };
	struct winsize window;

	if (!show.terminal)
		return show;
	show.columns = 80;
	show.rows = 24;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0) {
		show.columns = window.ws_col;
		show.rows = window.ws_row > 0 ? window.ws_row : 24;
	}
	show.colour = (no_colour == NULL || *no_colour == '\0') && terminal != NULL &&
		      strcmp(terminal, "dumb") != 0;
	return show;
}

const char *show_bar(char buffer[FIGURE_MAX], uint64_t part, uint64_t whole, unsigned width)
{
	/* At least one mark if there is anything. */
	double share = whole == 0 ? 0 : (double)part / (double)whole;
	unsigned marks = (unsigned)(share * width + (part > 0 ? 0.999 : 0));

	if (width > SHOW_BAR_MAX)
		width = SHOW_BAR_MAX;
	if (marks > width)
		marks = width;
	buffer[0] = '[';
	memset(buffer + 1, '#', marks);
	memset(buffer + 1 + marks, '.', width - marks);
	strcpy(buffer + 1 + width, "]");
	return buffer;
}

void show_colour(const struct show *show, enum show_colour colour)
{
	static const char *const codes[] = {
		[SHOW_PLAIN] = "0", [SHOW_BOLD] = "1",	[SHOW_DIM] = "2",
		[SHOW_GOOD] = "32", [SHOW_CARE] = "33", [SHOW_BAD] = "31"
	};

	if (show->colour)
		fprintf(show->file, "\033[%sm", codes[colour]);
}

/* ---- tables ---- */

struct table table_new(const char *const *titles)
{
	struct table table = { .titles = titles };

	while (titles[table.columns] != NULL)
		table.columns++;
	return table;
}

void table_free(struct table *table)
{
	free(table->cells);
	table->cells = NULL;
	table->count = table->room = 0;
}

void table_put(struct table *table, enum show_colour colour, const char *format, ...)
{
	struct table_cell *cell;
	char text[TABLE_CELL];
	va_list arguments;

	if (table->count == table->room) {
		size_t room = table->room == 0 ? 64 : 2 * table->room;
		struct table_cell *cells = realloc(table->cells, room * sizeof(*cells));

		if (cells == NULL) {
			table->failed = true;
			return;
		}
		table->cells = cells;
		table->room = room;
	}
	cell = &table->cells[table->count++];
	cell->colour = colour;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	escape_text(cell->text, sizeof(cell->text), text, strlen(text), ESCAPE_ASCII);
}

static const char *title_of(const struct table *table, unsigned column)
{
	return table->titles[column] + (table->titles[column][0] == '<' ? 1 : 0);
}

static unsigned longer(unsigned width, const char *text)
{
	unsigned length = (unsigned)strlen(text);

	return length > width ? length : width;
}

/* Measures the width of each column. If they are too wide together, the first one gets narrower. */
static void widths_measure(const struct table *table, unsigned most, unsigned *widths)
{
	unsigned others = 0;

	for (unsigned column = 0; column < table->columns; column++) {
		widths[column] = longer(0, title_of(table, column));
		for (size_t i = column; i < table->count; i += table->columns)
			widths[column] = longer(widths[column], table->cells[i].text);
		if (column > 0)
			others += widths[column] + 2;
	}
	if (most > 0 && widths[0] + others > most) {
		unsigned least = longer(8, title_of(table, 0));

		widths[0] = most > others + least ? most - others : least;
	}
}

static void cell_print(const struct table *table, const struct show *show, unsigned column,
		       unsigned width, const char *text, enum show_colour colour)
{
	bool left = column == 0 || table->titles[column][0] == '<';
	bool last = column + 1 == table->columns;
	unsigned length = (unsigned)strlen(text);
	int pad = width > length ? (int)(width - length) : 0;

	fprintf(show->file, "%s%*s", column > 0 ? "  " : "", left ? 0 : pad, "");
	if (colour != SHOW_PLAIN)
		show_colour(show, colour);
	fputs(text, show->file);
	if (colour != SHOW_PLAIN)
		show_colour(show, SHOW_PLAIN);
	fprintf(show->file, "%*s", left && !last ? pad : 0, "");
}

void table_print(const struct table *table, const struct show *show, const char *indent)
{
	unsigned widths[TABLE_COLUMNS_MAX] = { 0 }, most = show->columns;
	unsigned margin = (unsigned)strlen(indent);

	widths_measure(table, most > margin ? most - margin : most, widths);
	fputs(indent, show->file);
	for (unsigned column = 0; column < table->columns; column++)
		cell_print(table, show, column, widths[column], title_of(table, column), SHOW_BOLD);
	fputc('\n', show->file);
	for (size_t i = 0; i + table->columns <= table->count; i += table->columns) {
		fputs(indent, show->file);
		for (unsigned column = 0; column < table->columns; column++) {
			const struct table_cell *cell = &table->cells[i + column];

			cell_print(table, show, column, widths[column], cell->text, cell->colour);
			if (column == 0 && strlen(cell->text) > widths[0])
				fprintf(show->file, "\n%s%*s", indent, (int)widths[0], "");
		}
		fputc('\n', show->file);
	}
}
