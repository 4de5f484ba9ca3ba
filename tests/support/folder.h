/* A folder for the files of one test, and what is in them. */
#ifndef SUPPORT_FOLDER_H
#define SUPPORT_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* Makes it and stores its path in $DIR, for the scripts that a test runs. */
void folder_make(void);

/* Removes it with its files. */
void folder_remove(void);

/* Path of a file in it (static buffers, four of them in turn). */
const char *folder_file(const char *name);

bool file_exists(const char *name);
void file_make(const char *name);

/* How many lines a file in it has; 0 if there is none. */
int file_lines(const char *name);

/* The file's contents must be this. */
void expect_file(const char *name, const char *expected);

#endif
