/* A manual page as its reader sees it, and its source. */
#ifndef SUPPORT_PAGE_H
#define SUPPORT_PAGE_H

#include <stdbool.h>

/* Is mandoc here, which formats a page? If not, prints so. */
bool page_formatter_there(void);

/* The page, formatted so wide that no line is broken, as plain text; to be freed. */
char *page_read(const char *path);

/* Of that, or of a source in mdoc: the lines under this heading; to be freed. "": it has none. */
char *page_section(const char *text, const char *heading);
char *page_source_section(const char *path, const char *heading);

/* The whole of a file, to be freed. */
char *page_file(const char *path);

#endif
