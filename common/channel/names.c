/* Which names of channels and groups, and which permission bits, are valid. Pure functions. */

#include <ctype.h>
#include <string.h>

#include "channel/channel.h"

static bool name_valid(const char *name, size_t most)
{
	size_t length = strlen(name);

	if (length == 0 || length > most)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isascii((unsigned char)name[i]) ||
		    (!isalnum((unsigned char)name[i]) && strchr("._-", name[i]) == NULL))
			return false;
	return true;
}

bool channel_name_valid(const char *name)
{
	return name_valid(name, CHANNEL_NAME_MAX);
}

bool channel_group_valid(const char *name)
{
	return name_valid(name, CHANNEL_GROUP_MAX);
}

bool channel_mode_valid(unsigned long mode)
{
	return (mode & ~0666UL) == 0 && (mode & 0600) == 0600;
}
