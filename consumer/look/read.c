#include "consumer/look/read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel/owner.h"
#include "cli/message.h"
#include "cli/signals.h"

/*
 * Returns 1 if the channel was read; 0: there is none (any more); negative: an error, which was
 * reported.
 */
static int read_one(const struct look *look, struct snapshot *snapshot, const char *name)
{
	int rc = snapshot_read(snapshot, name, look->settings->channel.owner);

	if (rc == 0)
		return 1;
	if (rc == -ENOENT)
		return 0;
	cli_error(look->settings, "cannot look at channel \"%s\": %s", name,
		  rc == -ENODEV ? "there is no " OBJECT_FOLDER : strerror(-rc));
	return -1;
}

static struct snapshot *read_all(const struct look *look, size_t *count)
{
	struct snapshot *channels = NULL;
	char **names;
	size_t known;
	int rc = snapshot_names(look->settings->channel.owner, &names, &known);

	*count = 0;
	if (rc < 0) {
		cli_error(look->settings, "cannot read %s: %s", OBJECT_FOLDER, strerror(-rc));
		return NULL;
	}
	channels = calloc(known + 1, sizeof(*channels));
	if (channels == NULL)
		cli_error(look->settings, "out of memory");
	for (size_t i = 0; channels != NULL && i < known; i++) {
		rc = read_one(look, &channels[*count], names[i]);
		if (rc < 0) {
			free(channels);
			channels = NULL;
		} else {
			*count += (size_t)rc;
		}
	}
	snapshot_names_free(names, known);
	return channels;
}

struct snapshot *look_read(const struct look *look, size_t *count)
{
	struct snapshot *snapshot;
	int rc;

	if (!look->status)
		return read_all(look, count);
	*count = 0;
	snapshot = calloc(1, sizeof(*snapshot));
	if (snapshot == NULL) {
		cli_error(look->settings, "out of memory");
		return NULL;
	}
	rc = read_one(look, snapshot, look->settings->channel.name);
	if (rc < 0) {
		free(snapshot);
		return NULL;
	}
	*count = (size_t)rc;
	return snapshot;
}

int look_write_failed(struct look *look, int error)
{
	look->pipe_closed = error == EPIPE;
	if (!look->pipe_closed || cli_pipe_ignored())
		cli_error(look->settings, "cannot write standard output: %s", strerror(error));
	return CLI_FAILED;
}

int look_flush(struct look *look, FILE *file)
{
	errno = 0;
	if (fflush(file) == 0 && !ferror(file))
		return CLI_DONE;
	return look_write_failed(look, errno != 0 ? errno : EIO);
}
