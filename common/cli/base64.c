#include "cli/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Four digits for three bytes. */
static void group_encode(char text[4], unsigned bits)
{
	for (int i = 3; i >= 0; i--, bits >>= 6)
		text[i] = digits[bits & 63];
}

void base64_encode(char *text, const unsigned char *bytes, size_t size)
{
	for (; size >= 3; size -= 3, bytes += 3, text += 4)
		group_encode(text, (unsigned)bytes[0] << 16 | (unsigned)bytes[1] << 8 | bytes[2]);
	if (size == 0)
		return;
	group_encode(text, (unsigned)bytes[0] << 16 | (size > 1 ? (unsigned)bytes[1] << 8 : 0));
	text[3] = '=';
	if (size == 1)
		text[2] = '=';
}
