#include "consumer/look/doctor_lines.h"

#include <stdarg.h>
#include <string.h>

#include "base/escape.h"

static void line_print(const struct doctor *doctor, enum show_colour colour, const char *word,
		       const char *format, va_list arguments)
{
	char text[1024], line[2048];

	vsnprintf(text, sizeof(text), format, arguments);
	escape_text(line, sizeof(line), text, strlen(text), 0);
	show_colour(&doctor->show, colour);
	fprintf(doctor->show.file, "%-6s", word);
	show_colour(&doctor->show, SHOW_PLAIN);
	fprintf(doctor->show.file, "%s\n", line);
}

void doctor_fine(struct doctor *doctor, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	line_print(doctor, SHOW_GOOD, "ok", format, arguments);
	va_end(arguments);
}

void doctor_trouble(struct doctor *doctor, const char *format, ...)
{
	va_list arguments;

	doctor->troubles++;
	va_start(arguments, format);
	line_print(doctor, SHOW_BAD, "warn", format, arguments);
	va_end(arguments);
}

void doctor_advice(struct doctor *doctor, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	line_print(doctor, SHOW_DIM, "", format, arguments);
	va_end(arguments);
}
