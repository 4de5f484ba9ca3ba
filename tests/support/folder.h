/* A folder for the files of one test, and what its files contain. */
#ifndef SUPPORT_FOLDER_H
#define SUPPORT_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* Makes the folder and stores its path in $DIR, for the scripts that a test runs. */
void folder_make(void);

/* Removes the folder with its files. */
void folder_remove(void);

/* Returns the path of a file in the folder (static buffers, four of them in turn). */
const char *folder_file(const char *name);

bool file_exists(const char *name);
void file_make(const char *name);

/* Returns how many lines a file in the folder has; 0 if there is no such file. */
int file_lines(const char *name);

/* Asserts that the file contains exactly this. */
void expect_file(const char *name, const char *expected);

#endif
