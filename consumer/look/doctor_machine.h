/*
 * --doctor: the part about the machine.
 */
#ifndef DOCTOR_MACHINE_H
#define DOCTOR_MACHINE_H

#include "consumer/look/doctor_lines.h"

/* Checks where shared memory is, how much of it there is, and what could remove it. */
void doctor_machine(struct doctor *doctor);

#endif
