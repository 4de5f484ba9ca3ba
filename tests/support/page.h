/* A manual page as its reader sees it, and its source. */
#ifndef SUPPORT_PAGE_H
#define SUPPORT_PAGE_H

#include <stdbool.h>

/* True if mandoc is here, which formats a page. If not, prints that it is missing. */
bool page_formatter_there(void);

/* Returns the page as plain text, formatted so wide that no line is broken; to be freed. */
char *page_read(const char *path);

/*
 * Returns the lines under this heading of a formatted page, or of a page's source in mdoc; "" if it
 * has no such heading. To be freed.
 */
char *page_section(const char *text, const char *heading);
char *page_source_section(const char *path, const char *heading);

/* Returns the contents of a file; to be freed. */
char *page_file(const char *path);

#endif
