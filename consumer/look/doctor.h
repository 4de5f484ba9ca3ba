/*
 * --doctor: what could be wrong on this machine (doctor_machine.c) and in the channels.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "consumer/look/request.h"

int look_doctor(struct look *look);

#endif
