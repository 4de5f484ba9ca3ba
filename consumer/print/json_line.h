/*
 * A message as one line with a JSON object. Bytes that are not UTF-8 are written as base64, under
 * another name.
 */
#ifndef JSON_LINE_H
#define JSON_LINE_H

#include "consumer/print/format.h"

/* Puts the line. The bytes must not change during the call. Returns 0 or ENOMEM. */
int json_line_put(struct sink *sink, const char *channel_name, const struct message *message,
		  const unsigned char *bytes);

#endif
