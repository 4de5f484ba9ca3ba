#include "tests/support/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/support.h"

static char folder[64];

void folder_make(void)
{
	strcpy(folder, "/tmp/shm-channel-test-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	setenv("DIR", folder, 1);
}

void folder_remove(void)
{
	DIR *files = opendir(folder);
	const struct dirent *file;

	cr_assert_not_null(files);
	while ((file = readdir(files)) != NULL)
		if (file->d_name[0] != '.')
			unlink(folder_file(file->d_name));
	closedir(files);
	rmdir(folder);
}

const char *folder_file(const char *name)
{
	static char paths[4][512];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

bool file_exists(const char *name)
{
	return access(folder_file(name), F_OK) == 0;
}

void file_make(const char *name)
{
	int fd = open(folder_file(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	cr_assert_geq(fd, 0);
	close(fd);
}

static char *file_text(const char *name)
{
	FILE *file = fopen(folder_file(name), "re");
	char *text = calloc(1, 65536);

	cr_assert_not_null(text);
	if (file != NULL) {
		size_t size = fread(text, 1, 65535, file);

		text[size] = '\0';
		fclose(file);
	}
	return text;
}

int file_lines(const char *name)
{
	char *text = file_text(name);
	int lines = 0;

	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	free(text);
	return lines;
}

void expect_file(const char *name, const char *expected)
{
	char *text = file_text(name);

	cr_expect_str_eq(text, expected, "%s is \"%s\", not \"%s\"", name, text, expected);
	free(text);
}
