/*
 * The line that is drawn over and over again on standard error.
 */
#ifndef CLI_LINE_H
#define CLI_LINE_H

#include <stdbool.h>

/*
 * Draws a line on standard error again and again; it must be shorter than the terminal is wide. Any
 * other output on standard error erases it first, and so does cli_line_erase(), while
 * cli_line_keep() leaves it there, complete. These may be called from any thread.
 */
void cli_line_draw(const char *text);
void cli_line_erase(void);
void cli_line_keep(void);
bool cli_line_drawn(void); /* async-signal-safe */

/*
 * True if a line can be written on standard error without waiting for its reader. Whoever holds
 * something that others need, a turn or a lock, asks this first.
 */
bool cli_can_write(void);

#endif
