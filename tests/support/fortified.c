/*
 * Functions that glibc's archives need if they were compiled with _FORTIFY_SOURCE: here they are
 * linked with musl, to see that the tools run on it. Never part of a build for the system's own C
 * library.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/*
 * NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the names are the C
 * library's.
 */
int __vsnprintf_chk(char *to, size_t size, int flag, size_t room, const char *format, va_list list);
int __snprintf_chk(char *to, size_t size, int flag, size_t room, const char *format, ...);
char *__strncpy_chk(char *to, const char *from, size_t size, size_t room);

int __vsnprintf_chk(char *to, size_t size, int flag, size_t room, const char *format, va_list list)
{
	(void)flag;
	return vsnprintf(to, size < room ? size : room, format, list);
}

int __snprintf_chk(char *to, size_t size, int flag, size_t room, const char *format, ...)
{
	va_list list;
	int length;

	va_start(list, format);
	length = __vsnprintf_chk(to, size, flag, room, format, list);
	va_end(list);
	return length;
}

char *__strncpy_chk(char *to, const char *from, size_t size, size_t room)
{
	return strncpy(to, from, size < room ? size : room);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
