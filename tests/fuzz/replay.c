#include "tests/fuzz/replay.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { INPUT_MAX = 65536 };

static void replay_file(const char *file,
			void (*each)(const char *file, const uint8_t *bytes, size_t size))
{
	static uint8_t bytes[INPUT_MAX];
	FILE *stream = fopen(file, "rbe");
	size_t size;

	if (stream == NULL) {
		perror(file);
		exit(1);
	}
	size = fread(bytes, 1, sizeof(bytes), stream);
	fclose(stream);
	each(file, bytes, size);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

unsigned replay(const char *argument,
		void (*each)(const char *file, const uint8_t *bytes, size_t size))
{
	struct dirent **entries;
	struct stat status;
	unsigned replayed = 0;
	int count;

	if (stat(argument, &status) != 0 || !S_ISDIR(status.st_mode)) {
		replay_file(argument, each);
		return 1;
	}
	count = scandir(argument, &entries, is_visible, alphasort);
	for (int i = 0; i < count; i++) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", argument, entries[i]->d_name);
		replayed += replay(file, each);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return replayed;
}
