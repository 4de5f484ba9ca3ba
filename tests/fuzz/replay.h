/* The second main() of a fuzz target: runs its inputs, once each. */
#ifndef REPLAY_H
#define REPLAY_H

#include <stddef.h>
#include <stdint.h>

/*
 * Calls `each` with the contents of the file, of 64 KiB at most, or of all files below the folder,
 * in the order of their names. Returns how many there were. A file that cannot be read ends the
 * process.
 */
unsigned replay(const char *argument,
		void (*each)(const char *file, const uint8_t *bytes, size_t size));

#endif
