/*
 * The part of --doctor that is about the machine.
 */
#ifndef DOCTOR_MACHINE_H
#define DOCTOR_MACHINE_H

#include "consumer/look/doctor_lines.h"

/* Where shared memory is, how much of it there is, and who may take it away. */
void doctor_machine(struct doctor *doctor);

#endif
