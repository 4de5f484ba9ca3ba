#ifdef WITH_JANSSON
#include "cli/json_number.h"

json_t *json_number(uint64_t value)
{
	return value > INT64_MAX ? json_real((double)value) : json_integer((json_int_t)value);
}
#endif
