/*
 * The line that is drawn over and over again on standard error.
 */
#ifndef CLI_LINE_H
#define CLI_LINE_H

#include <stdbool.h>

/*
 * One line on standard error that is drawn over and over again, shorter than the terminal is wide.
 * Whatever else is printed erases it first; so does cli_line_erase(), while cli_line_keep() leaves
 * it, complete. From any thread.
 */
void cli_line_draw(const char *text);
void cli_line_erase(void);
void cli_line_keep(void);
bool cli_line_drawn(void); /* async-signal-safe */

/*
 * Can a line be written on standard error without waiting for who reads it? Whoever holds
 * something that others want, a turn or a lock, looks at this first.
 */
bool cli_can_write(void);

#endif
