#include "json_line.h"

#include <errno.h>
#include <stdlib.h>

#ifdef WITH_JANSSON
#include <jansson.h>

#include "base64.h"

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

/* As text under `name` if it is UTF-8, else under `name_base64`. */
static bool bytes_set(json_t *object, const char *name, const char *name_base64,
		      const unsigned char *bytes, size_t size)
{
	json_t *value = json_stringn(size > 0 ? (const char *)bytes : "", size);

	if (value != NULL)
		return json_object_set_new_nocheck(object, name, value) == 0;
	return json_object_set_new_nocheck(object, name_base64, base64_value(bytes, size)) == 0;
}

static bool number_set(json_t *object, const char *name, uint64_t number)
{
	return json_object_set_new_nocheck(object, name, json_integer((json_int_t)number)) == 0;
}

static json_t *object_make(struct sink *sink, const char *channel_name,
			   const struct message *message, const unsigned char *bytes)
{
	json_t *object = json_object();

	if (json_object_set_new_nocheck(object, "channel", json_string(channel_name)) == 0 &&
	    number_set(object, "epoch", channel_epoch(sink->channel)) &&
	    number_set(object, "sequence", message->sequence) &&
	    (message->key_size == 0 ||
	     bytes_set(object, "key", "key_base64", message->key, message->key_size)) &&
	    number_set(object, "attempt", message->attempts) &&
	    number_set(object, "size", message->size) &&
	    bytes_set(object, "message", "message_base64", bytes, (size_t)message->size))
		return object;
	json_decref(object);
	return NULL;
}

static int on_text(const char *text, size_t size, void *sink)
{
	sink_put(sink, text, size);
	return 0;
}

int json_line_put(struct sink *sink, const char *channel_name, const struct message *message,
		  const unsigned char *bytes)
{
	json_t *object = object_make(sink, channel_name, message, bytes);
	int rc = object == NULL ? -1 : json_dump_callback(object, on_text, sink, JSON_COMPACT);

	json_decref(object);
	sink_put(sink, "\n", 1);
	return rc < 0 ? -ENOMEM : 0;
}
#else
int json_line_put(struct sink *sink, const char *channel_name, const struct message *message,
		  const unsigned char *bytes)
{
	(void)sink, (void)channel_name, (void)message, (void)bytes; /* the option was refused */
	return -ENOSYS;
}
#endif
