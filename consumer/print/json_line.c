#include "consumer/print/json_line.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef WITH_JANSSON
#include <jansson.h>

#include "cli/base64.h"

static json_t *base64_value(const unsigned char *bytes, size_t size)
{
	char *text = malloc(base64_size(size) + 1);
	json_t *value;

	if (text == NULL)
		return NULL;
	base64_encode(text, bytes, size);
	value = json_stringn_nocheck(text, base64_size(size));
	free(text);
	return value;
}

struct bytes_value {
	json_t *value; /* NULL: out of memory */
	bool text;     /* it is UTF-8; else it is base64, under another name */
};

static struct bytes_value bytes_value(const unsigned char *bytes, size_t size)
{
	json_t *text = json_stringn(size > 0 ? (const char *)bytes : "", size);

	if (text != NULL)
		return (struct bytes_value){ .value = text, .text = true };
	return (struct bytes_value){ .value = base64_value(bytes, size) };
}

static int on_text(const char *text, size_t size, void *sink)
{
	sink_put(sink, text, size);
	return 0;
}

static void text_put(struct sink *sink, const char *text)
{
	sink_put(sink, text, strlen(text));
}

/* Not by libjansson, whose integers are too small for some of the channel's numbers. */
static void number_put(struct sink *sink, const char *name, uint64_t number)
{
	char text[64];

	snprintf(text, sizeof(text), ",\"%s\":%" PRIu64, name, number);
	text_put(sink, text);
}

/* Puts `name`, which includes the colon, and the value, and frees the value. */
static int value_put(struct sink *sink, const char *name, json_t *value)
{
	int rc;

	text_put(sink, name);
	rc = json_dump_callback(value, on_text, sink, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(value);
	return rc;
}

/* Puts all and frees the values. `key` may be NULL. */
static int object_put(struct sink *sink, const char *channel_name, const struct message *message,
		      struct bytes_value key, struct bytes_value body)
{
	int rc = value_put(sink, "{\"channel\":", json_string(channel_name));

	number_put(sink, "epoch", channel_epoch(sink->channel));
	number_put(sink, "sequence", message->sequence);
	if (key.value != NULL)
		rc |= value_put(sink, key.text ? ",\"key\":" : ",\"key_base64\":", key.value);
	number_put(sink, "attempt", message->attempts);
	number_put(sink, "size", message->size);
	rc |= value_put(sink, body.text ? ",\"message\":" : ",\"message_base64\":", body.value);
	text_put(sink, "}\n");
	return rc;
}

int json_line_put(struct sink *sink, const char *channel_name, const struct message *message,
		  const unsigned char *bytes)
{
	struct bytes_value key = { 0 }, body = bytes_value(bytes, (size_t)message->size);

	if (message->key_size > 0)
		key = bytes_value(message->key, message->key_size);
	if (body.value == NULL || (message->key_size > 0 && key.value == NULL)) {
		json_decref(key.value);
		json_decref(body.value);
		return -ENOMEM;
	}
	return object_put(sink, channel_name, message, key, body) < 0 ? -ENOMEM : 0;
}
#else
int json_line_put(struct sink *sink, const char *channel_name, const struct message *message,
		  const unsigned char *bytes)
{
	(void)sink, (void)channel_name, (void)message, (void)bytes; /* the option was refused */
	return -ENOSYS;
}
#endif
